//! JSON schemas of the wire types, as OpenAPI 3.1 has them.

use serde_json::{Map, Value, json};

use crate::{MESSAGES_MAX, PACKAGE_MAX};

fn object(about: &str, must: &[&str], properties: Value, open: bool) -> Value {
    let mut schema = json!({ "type": "object", "description": about, "required": must, "properties": properties });
    if !open {
        schema["additionalProperties"] = json!(false);
    }
    schema
}

fn text(about: &str) -> Value {
    json!({ "type": "string", "description": about })
}

fn list(items: &str, about: &str) -> Value {
    json!({ "type": "array", "description": about, "items": { "$ref": format!("#/components/schemas/{items}") } })
}

fn number(about: &str) -> Value {
    json!({ "type": "integer", "minimum": 0, "maximum": i64::MAX, "description": about })
}

fn digest(about: &str) -> Value {
    json!({ "type": "string", "pattern": "^[0-9a-f]{64}$", "description": about })
}

/// Every schema by name.
pub(crate) fn schemas() -> Map<String, Value> {
    let time = |about: &str| json!({ "type": "string", "format": "date-time", "description": about });
    let words =
        json!({ "type": "string", "minLength": 1, "maxLength": 4000, "pattern": "\\S", "description": "文字 · the words" });
    let all = [
        ("Digest", digest("SHA-256，64 个小写十六进制数字 · 64 lower-case hexadecimal digits")),
        ("Number", number("")),
        ("Binary", json!({ "type": "string", "format": "binary" })),
        ("Base64", json!({ "type": "string", "contentEncoding": "base64", "pattern": "^[A-Za-z0-9+/=\\s]*$" })),
        ("Note", text("检查点：来源、叶子数、根、签名 · checkpoint: origin, size, root, signatures")),
        (
            "Problem",
            object(
                "没有办成的原因（RFC 9457）· Why a request was not done",
                &["type", "title", "status", "code"],
                json!({
                    "type": text("urn:taizhang:<code>"),
                    "title": text("中英文 · in Chinese and English"),
                    "status": { "type": "integer" },
                    "code": text("docs/errors/<code>.md"),
                    "arguments": { "type": "object", "additionalProperties": { "type": "string" } },
                }),
                false,
            ),
        ),
        (
            "Health",
            object(
                "接收端的状态 · State of the receiver",
                &["status", "time", "version", "sandbox"],
                json!({
                    "status": { "enum": ["ok"] },
                    "time": time("接收端的时钟 · its clock"),
                    "version": text("程序版本 · version of the program"),
                    "sandbox": { "type": "boolean", "description": "沙盒的回执没有效力 · receipts of a sandbox mean nothing" },
                }),
                false,
            ),
        ),
        (
            "UploadOrder",
            object(
                "要分段送来的报送包 · A package that is to come in pieces",
                &["sha256", "length"],
                json!({
                    "sha256": digest("整个文件的 SHA-256 · of the whole file"),
                    "length": { "type": "integer", "minimum": 1, "maximum": i64::MAX, "description": format!("字节，至多 {PACKAGE_MAX} · bytes, at most {PACKAGE_MAX}") },
                }),
                false,
            ),
        ),
        (
            "UploadState",
            object(
                "已经收到多少 · How much of it is there",
                &["sha256", "length", "offset"],
                json!({ "sha256": digest(""), "length": number("总字节 · bytes of the whole"), "offset": number("已有字节 · bytes there") }),
                false,
            ),
        ),
        (
            "Inclusion",
            object(
                "叶子在日志里的证明 · Proof that a leaf is in the log",
                &["leaf", "index", "size", "proof", "checkpoint"],
                json!({
                    "leaf": digest("叶子 · the leaf"), "index": number("位置，从 0 起 · its place, from 0"),
                    "size": number("叶子数 · leaves of the tree"), "proof": list("Digest", "自下而上 · from the leaf up"),
                    "checkpoint": { "$ref": "#/components/schemas/Note" },
                }),
                false,
            ),
        ),
        (
            "Consistency",
            object(
                "旧日志是新日志开头的证明 · Proof that one log is the beginning of another",
                &["from", "to", "proof"],
                json!({ "from": number(""), "to": number(""), "proof": list("Digest", "RFC 6962") }),
                false,
            ),
        ),
        (
            "Message",
            object(
                "统计局与单位之间的消息 · A message between the bureau and a unit",
                &["id", "at", "kind", "by", "text"],
                json!({
                    "id": number("号 · number"), "at": time(""),
                    "kind": { "enum": ["query", "answer", "acceptance", "return", "notice", "reminder", "closing"] },
                    "by": text("谁写的 · who wrote it"), "form": text("表号 · form"), "period": text("期别 · period"),
                    "payload": digest("关于哪个报送包 · the package it is about"),
                    "subject": text("指标或审核关系 · indicator or rule"), "reply_to": number("答复哪条 · what it answers"),
                    "text": text("文字 · the words"),
                }),
                false,
            ),
        ),
        (
            "Messages",
            object(
                "消息 · Messages",
                &["messages", "next", "more"],
                json!({
                    "messages": { "type": "array", "maxItems": MESSAGES_MAX, "items": { "$ref": "#/components/schemas/Message" } },
                    "next": number("下次从这个号之后 · ask after this number next"), "more": { "type": "boolean" },
                }),
                false,
            ),
        ),
        (
            "NewMessage",
            object(
                "单位的答复或留言，只有文字 · An answer or a notice of a unit: words alone",
                &["key", "text"],
                json!({
                    "key": { "type": "string", "pattern": "^[A-Za-z0-9_-]{1,64}$", "description": "发送方选定，同键即同一条 · chosen by the sender" },
                    "reply_to": { "type": ["integer", "null"], "minimum": 0, "maximum": i64::MAX, "description": "答复哪条查询 · the query that it answers" },
                    "text": words,
                }),
                false,
            ),
        ),
        (
            "Pack",
            object(
                "统计局签名发布的包 · A pack that the bureau signed",
                &["kind", "edition", "revision", "sha256", "length", "at"],
                json!({
                    "kind": { "enum": ["form", "calendar"] }, "edition": text("制度年份 · edition"), "form": text("表号 · form"),
                    "revision": { "type": "integer", "minimum": 0 }, "sha256": digest("容器 · of the container"),
                    "length": number("字节 · bytes"), "at": time("发布时间 · when it was published"),
                }),
                false,
            ),
        ),
        (
            "Packs",
            object(
                "发布的包 · What is published",
                &["packs"],
                json!({ "packs": list("Pack", "每种最新的一版 · the newest of each") }),
                false,
            ),
        ),
    ];
    all.into_iter().map(|(name, schema)| (name.to_owned(), schema)).collect()
}
