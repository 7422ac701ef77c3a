//! The OpenAPI document of [`OPERATIONS`].

use serde_json::{Map, Value, json};

use crate::{
    OFFSET,
    operations::{Body, By, OPERATIONS, Operation, Place},
    schemas::schemas,
};

fn content(body: Body) -> Value {
    // Parameters of a media type are no part of what is compared.
    let media = body.media.split(';').next().unwrap_or_default();
    json!({ media: { "schema": { "$ref": format!("#/components/schemas/{}", body.schema) } } })
}

fn described(operation: &Operation) -> Value {
    let parameters = operation.parameters.iter().map(|parameter| {
        json!({
            "name": parameter.name,
            "in": match parameter.place {
                Place::Path => "path",
                Place::Query | Place::QueryMust => "query",
                Place::Header | Place::HeaderMust => "header",
            },
            "required": !matches!(parameter.place, Place::Query | Place::Header),
            "description": parameter.about,
            "schema": match (parameter.schema, parameter.name) {
                (_, "limit") => json!({ "type": "integer", "minimum": 1, "maximum": crate::MESSAGES_MAX }),
                (schema, _) => json!({ "$ref": format!("#/components/schemas/{schema}") }),
            },
        })
    });
    let mut responses = Map::new();
    for answer in operation.answers() {
        let mut response = json!({ "description": answer.about });
        if let Some(body) = answer.body {
            response["content"] = content(body);
        }
        if answer.offset {
            let number = json!({ "required": true, "schema": { "$ref": "#/components/schemas/Number" } });
            response["headers"] = json!({ OFFSET: number });
        }
        responses.insert(answer.status.to_string(), response);
    }
    let mut entry = json!({
        "operationId": operation.id,
        "summary": operation.about,
        "parameters": parameters.collect::<Vec<_>>(),
        "responses": responses,
        "security": match operation.by {
            By::Anybody => json!([]),
            By::Code => json!([{ "code": [] }]),
            By::Unit => json!([{ "certificate": [] }]),
        },
    });
    if let Some(body) = operation.request {
        entry["requestBody"] = json!({ "required": true, "content": content(body) });
    }
    entry
}

/// The document; the committed `openapi.json` is this.
pub fn openapi() -> Value {
    let mut paths: Map<String, Value> = Map::new();
    for operation in OPERATIONS {
        let path = paths.entry(operation.path).or_insert_with(|| json!({}));
        path[operation.method.name()] = described(operation);
    }
    let mut document = json!({
        "openapi": "3.1.0",
        "info": {
            "title": "台账接收端 Taizhang receiver",
            "version": "1",
            "license": { "name": "Apache-2.0", "identifier": "Apache-2.0" },
            "description": "没有一个接口能写指标值：数字只在签名的报送包里整体到达。\nNo operation takes an indicator value: figures arrive in signed packages, and as a whole.",
        },
        "servers": [{ "url": "/" }],
        "paths": paths,
        "components": {
            "schemas": schemas(),
            "securitySchemes": {
                "certificate": { "type": "mutualTLS", "description": "单位证书，TLS 1.3 · the unit's certificate" },
                "code": { "type": "http", "scheme": "basic", "description": "统一社会信用代码和一次性代码 · the unit's code and a one-time code" },
            },
        },
    });
    // Whether a map keeps its order depends on what else is built beside this crate; the document does not.
    document.sort_all_objects();
    document
}
