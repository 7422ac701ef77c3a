/*! The font that a PDF needs: looked for at run time, as a font with Chinese characters is larger than this program. */

use std::{fs, path::PathBuf};

use model::Finding;

/// Where fonts with Chinese characters are kept, the most readable first.
const PLACES: [&str; 14] = [
    "/usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc",
    "/usr/share/fonts/noto-cjk/NotoSansCJK-Regular.ttc",
    "/usr/share/fonts/google-noto-cjk/NotoSansCJK-Regular.ttc",
    "/usr/share/fonts/opentype/source-han-sans/SourceHanSansSC-Regular.otf",
    "/usr/share/fonts/truetype/wqy/wqy-microhei.ttc",
    "/usr/share/fonts/wenquanyi/wqy-microhei/wqy-microhei.ttc",
    "/usr/share/fonts/truetype/wqy/wqy-zenhei.ttc",
    "/usr/share/fonts/truetype/arphic/uming.ttc",
    "/usr/share/fonts/truetype/arphic-gbsn00lp/gbsn00lp.ttf",
    "/System/Library/Fonts/PingFang.ttc",
    "/System/Library/Fonts/STHeiti Light.ttc",
    "C:\\Windows\\Fonts\\msyh.ttc",
    "C:\\Windows\\Fonts\\simsun.ttc",
    "C:\\Windows\\Fonts\\simhei.ttf",
];

/// Names a font file of one's own.
const VARIABLE: &str = "TAIZHANG_FONT";

/// A character that every font for Chinese has, and no other.
const TRIED: char = '账';

/// A font with Chinese characters: the one that `TAIZHANG_FONT` names, or the first that is there.
pub fn find() -> Result<Vec<u8>, Finding> {
    let own = std::env::var_os(VARIABLE).map(PathBuf::from);
    let places: Vec<PathBuf> = match &own {
        Some(own) => vec![own.clone()],
        None => PLACES.iter().map(PathBuf::from).collect(),
    };
    let fits = |bytes: &Vec<u8>| ttf_parser::Face::parse(bytes, 0).is_ok_and(|face| face.glyph_index(TRIED).is_some());
    let found = places.iter().filter_map(|path| fs::read(path).ok()).find(fits);
    found.ok_or_else(|| {
        let tried = own.map_or_else(|| "/usr/share/fonts".to_owned(), |own| own.display().to_string());
        Finding::error("font-missing").at(tried).with("variable", VARIABLE)
    })
}
