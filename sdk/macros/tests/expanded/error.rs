#[automatically_derived]
impl ::althing_sdk::wire::ContractError for Fail {
    const ERRORS: &'static [::althing_sdk::wire::ErrorSchema] = &[
        ::althing_sdk::wire::ErrorSchema {
            number: 1u32,
            name: "Exists",
            docs: "The id is taken.",
        },
        ::althing_sdk::wire::ErrorSchema {
            number: 7u32,
            name: "NotFound",
            docs: "There is no such name.",
        },
    ];
    fn number(&self) -> u32 {
        match self {
            Self::Exists => 1u32,
            Self::NotFound(..) => 7u32,
        }
    }
    fn name(&self) -> &'static str {
        match self {
            Self::Exists => "Exists",
            Self::NotFound(..) => "NotFound",
        }
    }
    fn detail(&self) -> &str {
        match self {
            Self::NotFound(detail) => detail,
            _ => "",
        }
    }
}
