//! What comes with the program; a test holds the list to the folders.

macro_rules! forms {
    ($edition:literal: $($code:literal)*) => {
        &[$(($edition, $code, include_str!(concat!("../../../mappings/forms/", $edition, "/", $code, ".toml")))),*]
    };
}

/// Forms that come with the program: edition, code and text.
pub const FORMS: &[(&str, &str, &str)] = forms! { "2025":
    "101-1" "102-1" "107-1" "107-2" "109" "201-1" "202-1" "205-1"
    "206-1" "611-3" "B103-1" "B103-2" "B203" "B204-1" "B204-2" "B210"
    "C203" "C204-1" "E103" "E104-1" "E203" "E204-1" "F203" "S203"
    "S204-1" "X203" "X204-1" "X204-3"
};

/// Calendars that come with the program: year and text.
pub const CALENDARS: &[(&str, &str)] = &[
    ("2025", include_str!("../../../mappings/calendars/2025.toml")),
    ("2026", include_str!("../../../mappings/calendars/2026.toml")),
];
