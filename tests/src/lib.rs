//! Tests of the whole: of the repository's own rules (`house.rs`), of consensus under faults (`simulation/`,
//! `model_check/`), of one contract on both machines (`sdk_vm/`). The crate has no code of its own and nothing imports it.
