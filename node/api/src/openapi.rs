//! The OpenAPI document: one row per API method, shapes from [`crate::model`].
//!
//! The document is checked in as `openapi.json`; a test builds it again and compares (`ALTHING_BLESS=1` rewrites it).
//! A test of the server walks [`ENDPOINTS`] and asks each of them.

use crate::{dry_run, error::ApiError, model, path, recovery, remediation};
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{
        ComponentsBuilder, Content, HttpMethod, Info, OpenApi, PathItem, Paths, Ref, RefOr, Required, ResponseBuilder,
        Schema,
        path::{OperationBuilder, ParameterBuilder, ParameterIn},
        request_body::RequestBodyBuilder,
        schema::{ObjectBuilder, Type},
    },
};

/// The checked-in document.
pub const DOCUMENT: &str = include_str!("../openapi.json");

/// HTTP method of an endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// Reads.
    Get,
    /// Sends a body.
    Post,
}

/// A parameter: name, JSON type, description.
pub type Parameter = (&'static str, &'static str, &'static str);

/// One API method.
#[derive(Clone, Copy, Debug)]
pub struct Endpoint {
    /// Path with `{parameter}`.
    pub path: &'static str,
    /// HTTP method.
    pub method: Method,
    /// One sentence.
    pub summary: &'static str,
    /// Path parameters.
    pub in_path: &'static [Parameter],
    /// Query parameters; all optional but those whose description starts with "Required".
    pub in_query: &'static [Parameter],
    /// Shape of the JSON body.
    pub request: Option<&'static str>,
    /// Shape of a good answer, or a media type when it is not JSON.
    pub response: &'static str,
    /// Status of a good answer.
    pub status: u16,
    /// Status of other answers; 400, 405, 429 and 503 are common to all.
    pub errors: &'static [u16],
}

const fn get(path: &'static str, summary: &'static str, response: &'static str) -> Endpoint {
    let none: &[Parameter] = &[];
    Endpoint {
        path,
        method: Method::Get,
        summary,
        in_path: none,
        in_query: none,
        request: None,
        response,
        status: 200,
        errors: &[],
    }
}

const HASH: Parameter = ("hash", "string", "Transaction hash: 64 hexadecimal digits.");
const KEY: Parameter = ("key", "string", "Public key: 64 hexadecimal digits.");
const CONTRACT: Parameter = ("contract", "string", "Contract id.");
const LIMIT: Parameter = ("limit", "integer", "Most rows of the answer.");

/// Every API method.
pub const ENDPOINTS: &[Endpoint] = &[
    Endpoint {
        method: Method::Post,
        request: Some("SubmitRequest"),
        status: 202,
        errors: &[413, 415, 422],
        ..get(
            path::TRANSACTIONS,
            "Submits one transaction or a batch of up to 512. Also takes application/octet-stream: the canonical list.",
            "SubmitResponse",
        )
    },
    Endpoint {
        method: Method::Post,
        request: Some("StatusRequest"),
        errors: &[413, 415],
        ..get(
            path::TRANSACTIONS_STATUS,
            "Status of up to 512 transactions, optionally waiting until all are decided.",
            "StatusResponse",
        )
    },
    Endpoint { in_path: &[HASH], ..get(path::TRANSACTION, "Where a transaction stands.", "TransactionDocument") },
    Endpoint {
        in_path: &[HASH],
        in_query: &[(
            "timeout_ms",
            "integer",
            "Longest wait; 10000 when missing. The answer then has the status so far.",
        )],
        ..get(path::TRANSACTION_WAIT, "Waits until a transaction is final or abnormal.", "TransactionDocument")
    },
    Endpoint {
        in_path: &[("block", "string", "Height, header hash, or `latest`.")],
        in_query: &[("full", "boolean", "With transactions and receipts.")],
        errors: &[404],
        ..get(path::BLOCK, "A final block with its certificate.", "BlockDocument")
    },
    Endpoint {
        in_path: &[("height", "integer", "First height, from 1.")],
        in_query: &[("count", "integer", "Most headers: 1 to 128, 1 when missing.")],
        errors: &[404],
        ..get(path::HEADERS, "Headers with certificates and authority lists.", "HeaderList")
    },
    Endpoint {
        in_path: &[("height", "integer", "First height, from 1.")],
        errors: &[404, 410],
        ..get(
            path::CHAIN,
            "Final blocks with their certificates from a height, at most 64 and about 3 MiB: a canonical list of pairs.",
            "application/octet-stream",
        )
    },
    get(path::CHECKPOINTS, "Checkpoints that the node offers, the newest first.", "CheckpointList"),
    Endpoint {
        in_path: &[
            ("height", "integer", "Height of a checkpoint that the node offers."),
            ("place", "string", "1 to 64 hexadecimal digits: the first places of the tree with this prefix."),
        ],
        errors: &[404],
        ..get(
            path::CHECKPOINT_CHUNK,
            "Canonical bytes of the chunk of a checkpoint that holds a place: every entry of one part of the state tree.",
            "application/octet-stream",
        )
    },
    Endpoint {
        in_path: &[("key", "string", "State key, hexadecimal.")],
        in_query: &[("height", "integer", "Height; the tip when missing.")],
        errors: &[404, 410],
        ..get(path::STATE_ENTRY, "A state entry, or its absence, with proof.", "StateDocument")
    },
    Endpoint {
        in_query: &[
            ("prefix", "string", "Required: keys start with these bytes, hexadecimal."),
            ("after", "string", "Keys after this one, hexadecimal."),
            ("height", "integer", "Values and proofs of this height; the keys are always those of the tip."),
            ("proofs", "boolean", "With proofs (default). At most 512 rows with, 4096 without."),
            ("values", "boolean", "With values (default)."),
            LIMIT,
        ],
        errors: &[404, 410],
        ..get(path::STATE, "State entries under a prefix, in key order.", "StateBatch")
    },
    Endpoint {
        method: Method::Post,
        request: Some("StateBatchRequest"),
        errors: &[404, 410, 413, 415],
        ..get(path::STATE_BATCH, "Up to 1024 state entries at one height, with proofs.", "StateBatch")
    },
    Endpoint {
        method: Method::Post,
        request: Some("ViewRequest"),
        errors: &[413, 415],
        ..get(path::VIEWS, "Calls a view of a contract on the tip's state. Not provable.", "ViewResponse")
    },
    Endpoint {
        method: Method::Post,
        request: Some("DryRunRequest"),
        errors: &[413, 415],
        ..get(
            path::DRY_RUNS,
            "Tries a change of code on a fork of the tip's state; nothing is written.",
            "DryRunResponse",
        )
    },
    Endpoint {
        method: Method::Post,
        request: Some("RemediationPlanRequest"),
        errors: &[404, 410, 413, 415, 422],
        ..get(
            path::REMEDIATION_PLANS,
            "Computes what would put right what a member did; nothing is written. One at a time: while one is computed, the answer is 503 `not_ready`, and the same question later gives the plan.",
            "RemediationPlanResponse",
        )
    },
    Endpoint {
        method: Method::Post,
        request: Some("RecoveryRequest"),
        errors: &[413, 415, 422],
        ..get(
            path::RECOVERIES,
            "Goes on after the loss of the quorum, by a plan that more than half of the member organisations signed.",
            "RecoveryResponse",
        )
    },
    get(path::CONTRACTS, "Deployed contracts.", "ContractList"),
    Endpoint {
        in_path: &[CONTRACT],
        errors: &[404],
        ..get(path::CONTRACT, "One contract with its ABI.", "ContractDocument")
    },
    Endpoint {
        in_path: &[CONTRACT],
        errors: &[404],
        ..get(path::CONTRACT_CODE, "A contract's code.", "application/wasm")
    },
    Endpoint {
        in_query: &[
            ("from", "string", "Cursor `height:index`, inclusive; from the start when missing."),
            ("contract", "string", "Only events of this contract."),
            ("name", "string", "Only events of this name."),
            ("topic", "string", "Only events whose topic starts with these bytes, hexadecimal."),
            ("limit", "integer", "Most events of a page: 1 to 1000, 100 when missing. Not for streams."),
        ],
        errors: &[410],
        ..get(
            path::EVENTS,
            "Events from a cursor: a page or, when text/event-stream is accepted, a stream that resumes by Last-Event-ID.",
            "EventPage",
        )
    },
    Endpoint {
        in_query: &[("after", "integer", "Rows numbered above this."), LIMIT],
        ..get(path::ABNORMAL, "Transactions that were left out of every block, with their reasons.", "AbnormalList")
    },
    get(path::STATUS, "The node.", "StatusDocument"),
    get(path::GENESIS, "The genesis document.", "GenesisDocument"),
    Endpoint { in_path: &[KEY], ..get(path::ACCOUNT, "A key: organisation and sequence numbers.", "AccountDocument") },
    Endpoint {
        in_path: &[KEY],
        in_query: &[LIMIT],
        ..get(path::ACCOUNT_TRANSACTIONS, "Recent transactions of a key, newest first.", "TransactionList")
    },
    get(path::HEALTH, "The process is alive.", "HealthDocument"),
    get(path::READY, "The node follows the chain and takes in transactions.", "HealthDocument"),
    get(path::METRICS, "Figures in the OpenMetrics text form.", "application/openmetrics-text"),
    get(path::OPENAPI, "This document.", "application/json"),
];

type Named = (String, RefOr<Schema>);

fn add<T: ToSchema + PartialSchema>(out: &mut Vec<Named>) {
    T::schemas(out);
    out.push((T::name().into_owned(), T::schema()));
}

fn shapes() -> Vec<Named> {
    let mut out = Vec::new();
    add::<ApiError>(&mut out);
    add::<model::SubmitRequest>(&mut out);
    add::<model::SubmitResponse>(&mut out);
    add::<model::StatusRequest>(&mut out);
    add::<model::StatusResponse>(&mut out);
    add::<model::TransactionDocument>(&mut out);
    add::<model::TransactionList>(&mut out);
    add::<model::BlockDocument>(&mut out);
    add::<model::HeaderList>(&mut out);
    add::<model::StateDocument>(&mut out);
    add::<model::StateBatchRequest>(&mut out);
    add::<model::StateBatch>(&mut out);
    add::<model::ViewRequest>(&mut out);
    add::<model::ViewResponse>(&mut out);
    add::<dry_run::DryRunRequest>(&mut out);
    add::<dry_run::DryRunChange>(&mut out);
    add::<dry_run::DryRunEvent>(&mut out);
    add::<dry_run::DryRunResponse>(&mut out);
    add::<remediation::RemediationPlanRequest>(&mut out);
    add::<remediation::RemediationPlanResponse>(&mut out);
    add::<recovery::RecoveryRequest>(&mut out);
    add::<recovery::RecoveryResponse>(&mut out);
    add::<model::ContractList>(&mut out);
    add::<model::EventPage>(&mut out);
    add::<model::AbnormalList>(&mut out);
    add::<crate::checkpoint::CheckpointList>(&mut out);
    add::<model::StatusDocument>(&mut out);
    add::<model::GenesisDocument>(&mut out);
    add::<model::AccountDocument>(&mut out);
    add::<model::HealthDocument>(&mut out);
    out
}

/// Builds the document from [`ENDPOINTS`] and the shapes.
pub fn build() -> OpenApi {
    let mut paths = Paths::new();
    for endpoint in ENDPOINTS {
        let method = match endpoint.method {
            Method::Get => HttpMethod::Get,
            Method::Post => HttpMethod::Post,
        };
        let item = PathItem::new(method, operation(endpoint));
        paths.paths.insert(endpoint.path.into(), item);
    }
    let mut components = ComponentsBuilder::new();
    for (name, schema) in shapes() {
        components = components.schema(name, schema);
    }
    let mut info = Info::new("Althing node", "1");
    info.description = Some(
        "Hashes, keys and bytes are lower-case hexadecimal text. Every answer whose status is not 2xx is an ApiError; \
         429 and 503 carry Retry-After."
            .into(),
    );
    let mut document = OpenApi::new(info, paths);
    document.components = Some(components.build());
    document
}

fn reference(name: &str) -> Content {
    Content::new(Some(Ref::from_schema_name(name)))
}

fn operation(endpoint: &Endpoint) -> OperationBuilder {
    let parameters = endpoint
        .in_path
        .iter()
        .map(|p| (p, ParameterIn::Path))
        .chain(endpoint.in_query.iter().map(|p| (p, ParameterIn::Query)));
    let mut operation = OperationBuilder::new().summary(Some(endpoint.summary));
    for (&(name, kind, description), place) in parameters {
        let kind = match kind {
            "integer" => Type::Integer,
            "boolean" => Type::Boolean,
            _ => Type::String,
        };
        let required = place == ParameterIn::Path || description.starts_with("Required");
        operation = operation.parameter(
            ParameterBuilder::new()
                .name(name)
                .parameter_in(place)
                .required(if required { Required::True } else { Required::False })
                .description(Some(description))
                .schema(Some(ObjectBuilder::new().schema_type(kind))),
        );
    }
    if let Some(request) = endpoint.request {
        let mut body = RequestBodyBuilder::new().content("application/json", reference(request));
        if endpoint.path == path::TRANSACTIONS {
            body = body.content("application/octet-stream", Content::default());
        }
        operation = operation.request_body(Some(body.required(Some(Required::True)).build()));
    }
    let good = ResponseBuilder::new().description("Good.");
    let good = if endpoint.response.contains('/') {
        good.content(endpoint.response, Content::default())
    } else {
        good.content("application/json", reference(endpoint.response))
    };
    let good = if endpoint.path == path::EVENTS { good.content("text/event-stream", Content::default()) } else { good };
    operation = operation.response(endpoint.status.to_string(), good.build());
    for status in [400, 405, 429, 500, 503].iter().chain(endpoint.errors) {
        let problem =
            ResponseBuilder::new().description(reason(*status)).content("application/json", reference("ApiError"));
        operation = operation.response(status.to_string(), problem.build());
    }
    operation
}

const fn reason(status: u16) -> &'static str {
    match status {
        400 => "A field, the body or the query breaks a rule.",
        404 => "No such thing.",
        405 => "The path does not take this method.",
        410 => "State, blocks or events of this height are not kept.",
        413 => "The body is too long.",
        415 => "A body of another media type.",
        422 => "The transaction, or the recovery, was refused.",
        429 => "Too many requests of this address.",
        500 => "The node's own fault.",
        _ => "Busy, too slow, or not ready.",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn the_checked_in_document_is_what_the_code_says() {
        let mut text = build().to_pretty_json().unwrap();
        text.push('\n');
        if std::env::var_os("ALTHING_BLESS").is_some() {
            std::fs::write(concat!(env!("CARGO_MANIFEST_DIR"), "/openapi.json"), &text).unwrap();
            return;
        }
        assert!(
            text == DOCUMENT,
            "openapi.json is out of date: run this test with ALTHING_BLESS=1 and review the change"
        );
    }

    #[test]
    fn every_reference_has_its_shape() {
        let document: serde_json::Value = serde_json::to_value(build()).unwrap();
        let text = document.to_string();
        let shapes = document["components"]["schemas"].as_object().unwrap();
        for part in text.split("#/components/schemas/").skip(1) {
            let name = part.split('"').next().unwrap();
            assert!(shapes.contains_key(name), "{name}");
        }
    }

    #[test]
    fn every_path_is_listed_once() {
        let paths: BTreeSet<_> = ENDPOINTS.iter().map(|e| e.path).collect();
        assert_eq!(paths.len(), ENDPOINTS.len());
        for endpoint in ENDPOINTS {
            let named = endpoint.path.matches('{').count();
            assert_eq!(named, endpoint.in_path.len(), "{}", endpoint.path);
        }
    }
}
