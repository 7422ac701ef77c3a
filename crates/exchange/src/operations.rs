//! Every operation of the API as data: the router is built from it, and so is the OpenAPI document.

/// HTTP method.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Method {
    /// Reads.
    Get,
    /// Reads the headers alone.
    Head,
    /// Begins, or does.
    Post,
    /// Adds a piece.
    Patch,
}

impl Method {
    /// As OpenAPI writes it.
    pub const fn name(self) -> &'static str {
        match self {
            Method::Get => "get",
            Method::Head => "head",
            Method::Post => "post",
            Method::Patch => "patch",
        }
    }
}

/// Who may ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    /// Anybody who trusts the server's certificate.
    Anybody,
    /// Who has a one-time code.
    Code,
    /// A unit with its certificate.
    Unit,
}

/// Where a parameter stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// In the path.
    Path,
    /// In the query; it may be absent.
    Query,
    /// In the query.
    QueryMust,
    /// In the headers; it may be absent.
    Header,
    /// In the headers.
    HeaderMust,
}

/// A parameter.
#[derive(Clone, Copy, Debug)]
pub struct Parameter {
    /// Name.
    pub name: &'static str,
    /// Place.
    pub place: Place,
    /// `Digest` or `Number`.
    pub schema: &'static str,
    /// What it is.
    pub about: &'static str,
}

/// Media types.
pub mod media {
    /// A package, a receipt, a pack.
    pub const CONTAINER: &str = "application/vnd.etsi.asic-e+zip";
    /// Wire types.
    pub const JSON: &str = "application/json";
    /// RFC 9457.
    pub const PROBLEM: &str = "application/problem+json";
    /// A piece of an upload.
    pub const PIECE: &str = "application/offset+octet-stream";
    /// A checkpoint.
    pub const TEXT: &str = "text/plain; charset=utf-8";
    /// A request for a certificate, base64.
    pub const PKCS10: &str = "application/pkcs10";
    /// Certificates, base64.
    pub const PKCS7: &str = "application/pkcs7-mime; smime-type=certs-only";
    /// What a request should have, base64.
    pub const ATTRIBUTES: &str = "application/csrattrs";
}

/// What is sent, or answered.
#[derive(Clone, Copy, Debug)]
pub struct Body {
    /// Media type.
    pub media: &'static str,
    /// `Binary`, `Base64`, `Note`, or a wire type.
    pub schema: &'static str,
}

/// An answer.
#[derive(Clone, Copy, Debug)]
pub struct Answer {
    /// Status.
    pub status: u16,
    /// Body.
    pub body: Option<Body>,
    /// Whether the header of the offset is there.
    pub offset: bool,
    /// What it means.
    pub about: &'static str,
}

/// An operation.
#[derive(Clone, Copy, Debug)]
pub struct Operation {
    /// Name.
    pub id: &'static str,
    /// Method.
    pub method: Method,
    /// Path, with parameters in braces.
    pub path: &'static str,
    /// Who may ask.
    pub by: By,
    /// What it does.
    pub about: &'static str,
    /// Parameters.
    pub parameters: &'static [Parameter],
    /// What is sent.
    pub request: Option<Body>,
    /// Its own answers; those that follow from the rest are added by [`Operation::answers`].
    own: &'static [Answer],
}

const CONTAINER: Body = Body { media: media::CONTAINER, schema: "Binary" };
const CERTIFICATES: Body = Body { media: media::PKCS7, schema: "Base64" };
const REQUEST: Body = Body { media: media::PKCS10, schema: "Base64" };

const fn json(schema: &'static str) -> Body {
    Body { media: media::JSON, schema }
}

const fn answer(status: u16, body: Body, about: &'static str) -> Answer {
    Answer { status, body: Some(body), offset: false, about }
}

const fn problem(status: u16, about: &'static str) -> Answer {
    answer(status, Body { media: media::PROBLEM, schema: "Problem" }, about)
}

const fn offset(status: u16, about: &'static str) -> Answer {
    Answer { status, body: None, offset: true, about }
}

const fn path(name: &'static str, about: &'static str) -> Parameter {
    Parameter { name, place: Place::Path, schema: "Digest", about }
}

const AGENT: Parameter = Parameter {
    name: "Agent-Checkpoint",
    place: Place::Header,
    schema: "Base64",
    about: "企业端日志的检查点，由单位证书的密钥签名，在回执里会签 · checkpoint of the agent's log, signed by the key of the unit's certificate; it is countersigned in the receipt",
};

const SHA256: &[Parameter] = &[path("sha256", "整个文件的 SHA-256 · of the whole file")];

const TAKEN: Answer = answer(201, CONTAINER, "收下，这是签名回执 · taken: the signed receipt");
const AGAIN: Answer = answer(200, CONTAINER, "以前收下过，这是当时的回执 · taken before: the receipt it has");
const REFUSED: Answer = answer(422, CONTAINER, "不收，回执写明原因并已签名 · refused: the signed receipt names why");

/// Every operation, in the order in which people read them.
pub const OPERATIONS: &[Operation] = &[
    Operation {
        id: "health",
        method: Method::Get,
        path: "/v1/health",
        by: By::Anybody,
        about: "接收端是否在工作 · Whether the receiver is there",
        parameters: &[],
        request: None,
        own: &[answer(200, json("Health"), "在 · it is")],
    },
    Operation {
        id: "submit",
        method: Method::Post,
        path: "/v1/packages",
        by: By::Unit,
        about: "一次送来整个报送包，回答就是回执 · A whole package; the answer is the receipt",
        parameters: &[AGENT],
        request: Some(CONTAINER),
        own: &[AGAIN, TAKEN, REFUSED],
    },
    Operation {
        id: "begin_upload",
        method: Method::Post,
        path: "/v1/uploads",
        by: By::Unit,
        about: "开始分段上传，或找回没有传完的 · Begins an upload in pieces, or finds the one that was begun",
        parameters: &[],
        request: Some(json("UploadOrder")),
        own: &[
            answer(200, json("UploadState"), "以前开始过，从 offset 接着传 · begun before: go on from offset"),
            answer(201, json("UploadState"), "开始了 · begun"),
            problem(
                409,
                "同一摘要，长度不同；或没有传完的太多 · another length for the same digest, or too many unfinished uploads",
            ),
        ],
    },
    Operation {
        id: "upload_state",
        method: Method::Head,
        path: "/v1/uploads/{sha256}",
        by: By::Unit,
        about: "已经收到多少字节 · How many bytes are there",
        parameters: SHA256,
        request: None,
        own: &[
            offset(200, "在 Upload-Offset 里 · in Upload-Offset"),
            Answer { status: 404, body: None, offset: false, about: "没有这个上传 · no such upload" },
        ],
    },
    Operation {
        id: "append",
        method: Method::Patch,
        path: "/v1/uploads/{sha256}",
        by: By::Unit,
        about: "从末尾接上一段 · Adds a piece that begins where the upload ends",
        parameters: &[
            path("sha256", "整个文件的 SHA-256 · of the whole file"),
            Parameter {
                name: "Upload-Offset",
                place: Place::HeaderMust,
                schema: "Number",
                about: "这一段从哪个字节开始 · the byte at which the piece begins",
            },
        ],
        request: Some(Body { media: media::PIECE, schema: "Binary" }),
        own: &[
            offset(204, "接上了 · added"),
            problem(404, "没有这个上传 · no such upload"),
            problem(409, "不是从末尾开始；offset 是应当的位置 · it does not begin at the end, which is offset"),
        ],
    },
    Operation {
        id: "complete",
        method: Method::Post,
        path: "/v1/uploads/{sha256}/complete",
        by: By::Unit,
        about: "传完了，回答就是回执 · All of it was sent; the answer is the receipt",
        parameters: &[path("sha256", "整个文件的 SHA-256 · of the whole file"), AGENT],
        request: None,
        own: &[
            AGAIN,
            TAKEN,
            problem(404, "没有这个上传 · no such upload"),
            problem(409, "没有传完，或字节与摘要不符而要重传 · not whole, or not what the digest says and to be sent again"),
            REFUSED,
        ],
    },
    Operation {
        id: "receipt",
        method: Method::Get,
        path: "/v1/receipts/{payload}",
        by: By::Unit,
        about: "按内容摘要取本单位的回执 · The receipt of a payload digest of the unit",
        parameters: &[path("payload", "报送包的内容摘要 · payload digest")],
        request: None,
        own: &[
            answer(200, CONTAINER, "回执，收下或不收都有 · the receipt, of a refusal too"),
            problem(404, "没有收到过 · never received"),
        ],
    },
    Operation {
        id: "checkpoint",
        method: Method::Get,
        path: "/v1/log/checkpoint",
        by: By::Unit,
        about: "接收日志的最新检查点 · The newest checkpoint of the receiver's log",
        parameters: &[],
        request: None,
        own: &[answer(200, Body { media: media::TEXT, schema: "Note" }, "签名的检查点 · a signed note")],
    },
    Operation {
        id: "inclusion",
        method: Method::Get,
        path: "/v1/log/leaves/{leaf}",
        by: By::Unit,
        about: "证明一片叶子在日志里 · Proof that a leaf is in the log",
        parameters: &[
            path("leaf", "叶子的哈希 · hash of the leaf"),
            Parameter {
                name: "size",
                place: Place::Query,
                schema: "Number",
                about: "日志有多少叶子时；不写则最新 · leaves of the log; the newest where absent",
            },
        ],
        request: None,
        own: &[
            answer(200, json("Inclusion"), "证明 · the proof"),
            problem(404, "没有这片叶子，或日志没有那么长 · no such leaf, or the log is not that long"),
        ],
    },
    Operation {
        id: "consistency",
        method: Method::Get,
        path: "/v1/log/consistency",
        by: By::Unit,
        about: "证明旧日志是新日志的开头 · Proof that an older log is the beginning of a newer one",
        parameters: &[
            Parameter {
                name: "from", place: Place::QueryMust, schema: "Number", about: "旧的叶子数 · leaves of the older"
            },
            Parameter { name: "to", place: Place::QueryMust, schema: "Number", about: "新的叶子数 · leaves of the newer" },
        ],
        request: None,
        own: &[answer(200, json("Consistency"), "证明 · the proof"), problem(404, "日志没有那么长 · the log is not that long")],
    },
    Operation {
        id: "messages",
        method: Method::Get,
        path: "/v1/messages",
        by: By::Unit,
        about: "查询、答复、受理和退回 · Queries, answers, acceptances and returns",
        parameters: &[
            Parameter {
                name: "after",
                place: Place::Query,
                schema: "Number",
                about: "从这个号之后；不写则从头 · after this number; from the first where absent",
            },
            Parameter {
                name: "limit",
                place: Place::Query,
                schema: "Number",
                about: "最多几条，1 到 200 · at most so many, 1 to 200",
            },
        ],
        request: None,
        own: &[answer(200, json("Messages"), "消息 · the messages")],
    },
    Operation {
        id: "post",
        method: Method::Post,
        path: "/v1/messages",
        by: By::Unit,
        about: "答复查询，或留言；数字只能由更正的报送包改变 · Answers a query, or leaves word; figures change by a corrected package alone",
        parameters: &[],
        request: Some(json("NewMessage")),
        own: &[
            answer(200, json("Message"), "以前收到过 · received before"),
            answer(201, json("Message"), "收到 · received"),
            problem(404, "没有要答复的消息 · no such message to answer"),
            problem(409, "同一键，内容不同 · other words under the same key"),
        ],
    },
    Operation {
        id: "packs",
        method: Method::Get,
        path: "/v1/packs",
        by: By::Unit,
        about: "统计局发布的制度包和日历 · Survey packs and calendars that the bureau published",
        parameters: &[],
        request: None,
        own: &[answer(200, json("Packs"), "每种最新的一版 · the newest of each")],
    },
    Operation {
        id: "pack",
        method: Method::Get,
        path: "/v1/packs/{sha256}",
        by: By::Unit,
        about: "取一个签名的包 · A signed pack",
        parameters: &[path("sha256", "包的 SHA-256 · of the container")],
        request: None,
        own: &[answer(200, CONTAINER, "签名的容器 · the signed container"), problem(404, "没有这个包 · no such pack")],
    },
    Operation {
        id: "ca_certificates",
        method: Method::Get,
        path: "/.well-known/est/cacerts",
        by: By::Anybody,
        about: "要信任的证书（RFC 7030 4.1）· Certificates to trust",
        parameters: &[],
        request: None,
        own: &[answer(200, CERTIFICATES, "base64 的 PKCS#7 · PKCS#7 in base64")],
    },
    Operation {
        id: "request_attributes",
        method: Method::Get,
        path: "/.well-known/est/csrattrs",
        by: By::Anybody,
        about: "证书申请应当有什么（RFC 7030 4.5）· What a request for a certificate should have",
        parameters: &[],
        request: None,
        own: &[answer(200, Body { media: media::ATTRIBUTES, schema: "Base64" }, "base64 的 CsrAttrs · CsrAttrs in base64")],
    },
    Operation {
        id: "enrol",
        method: Method::Post,
        path: "/.well-known/est/simpleenroll",
        by: By::Code,
        about: "凭一次性代码领证书（RFC 7030 4.2.1）；用户名是统一社会信用代码 · A certificate for a one-time code; the user name is the unit's code",
        parameters: &[],
        request: Some(REQUEST),
        own: &[answer(200, CERTIFICATES, "证书 · the certificate")],
    },
    Operation {
        id: "reenrol",
        method: Method::Post,
        path: "/.well-known/est/simplereenroll",
        by: By::Unit,
        about: "凭现有证书换新证书（RFC 7030 4.2.2）；申请用本单位人员的密钥签名时，换那个人的 · A new certificate for the one of the connection, or for that of the unit's person whose key signed the request",
        parameters: &[],
        request: Some(REQUEST),
        own: &[answer(200, CERTIFICATES, "证书 · the certificate")],
    },
];

impl Operation {
    /// All its answers, by status.
    pub fn answers(&self) -> Vec<Answer> {
        let mut answers = self.own.to_vec();
        if self.request.is_some() || !self.parameters.is_empty() {
            answers.push(problem(400, "请求不合格式 · the request is not well formed"));
        }
        if self.request.is_some() {
            answers.push(problem(413, "太大 · too large"));
            answers.push(problem(415, "媒体类型不对 · another media type is wanted"));
        }
        match self.by {
            By::Anybody => {}
            By::Code => answers.push(problem(401, "代码不对、用过或过期 · a wrong, used or expired code")),
            By::Unit => {
                answers.push(problem(401, "没有客户端证书 · no client certificate"));
                answers.push(problem(
                    403,
                    "证书吊销、过期，或单位不在名录里 · a revoked or expired certificate, or an unknown unit",
                ));
            }
        }
        answers.push(problem(503, "此刻不能写，稍后再来 · it cannot write at the moment: try again"));
        if self.method == Method::Head {
            // An answer to HEAD has no body.
            answers.iter_mut().for_each(|answer| answer.body = None);
        }
        answers.sort_by_key(|answer| answer.status);
        answers
    }
}
