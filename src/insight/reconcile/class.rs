//! What a difference between two ledgers comes from.

/// What a call's difference comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Class {
    /// Both say the same.
    Same,
    /// They differ by the last nano-dollar.
    Rounding,
    /// Only a log has it: it went around the gateway.
    Bypassed,
    /// Only a log has it, of a session that the gateway knows: its row is lost.
    RowLost,
    /// Only the gateway has it, of a session that is known here: a side call, such as a title.
    SideCall,
    /// Only the gateway has it: another machine, or a run whose log is gone.
    Elsewhere,
    /// Same tokens; the gateway has no price for the model.
    GatewayUnpriced,
    /// Same tokens; no price is known here.
    LocalUnpriced,
    /// Same tokens at another price.
    Rate,
    /// Other tokens.
    Tokens,
    /// The gateway has written a call twice.
    Duplicate,
}

impl Class {
    /// All of them, as a report lists them.
    pub const ALL: [Class; 11] = [
        Class::Same,
        Class::Rounding,
        Class::Bypassed,
        Class::RowLost,
        Class::SideCall,
        Class::Elsewhere,
        Class::GatewayUnpriced,
        Class::LocalUnpriced,
        Class::Rate,
        Class::Tokens,
        Class::Duplicate,
    ];

    /// The class in JSON.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Class::Same => "same",
            Class::Rounding => "rounding",
            Class::Bypassed | Class::RowLost => "only-local",
            Class::SideCall | Class::Elsewhere => "only-gateway",
            Class::GatewayUnpriced | Class::LocalUnpriced | Class::Rate => "price",
            Class::Tokens => "tokens",
            Class::Duplicate => "duplicate",
        }
    }

    /// Why, in JSON, where a class has more than one reason.
    #[must_use]
    pub const fn why(self) -> Option<&'static str> {
        match self {
            Class::Bypassed => Some("bypassed"),
            Class::RowLost => Some("row-lost"),
            Class::SideCall => Some("side-call"),
            Class::Elsewhere => Some("elsewhere"),
            Class::GatewayUnpriced => Some("gateway-unpriced"),
            Class::LocalUnpriced => Some("local-unpriced"),
            Class::Rate => Some("rate"),
            Class::Same | Class::Rounding | Class::Tokens | Class::Duplicate => None,
        }
    }

    /// In a few words.
    #[must_use]
    pub const fn short(self) -> &'static str {
        match self {
            Class::Same => "the same",
            Class::Rounding => "rounding",
            Class::Bypassed => "around the gateway",
            Class::RowLost => "row lost",
            Class::SideCall => "side call",
            Class::Elsewhere => "another machine",
            Class::GatewayUnpriced => "no price at the gateway",
            Class::LocalUnpriced => "no price here",
            Class::Rate => "another price",
            Class::Tokens => "other tokens",
            Class::Duplicate => "written twice",
        }
    }

    /// In words.
    #[must_use]
    pub const fn sentence(self) -> &'static str {
        match self {
            Class::Same => "the same on both sides",
            Class::Rounding => "the last nano-dollar",
            Class::Bypassed => "only in the logs: went around the gateway",
            Class::RowLost => "only in the logs: the gateway has lost the row",
            Class::SideCall => "only at the gateway: a side call of a session here, such as its title",
            Class::Elsewhere => "only at the gateway: another machine, or a log that is gone",
            Class::GatewayUnpriced => "same tokens: the gateway has no price for the model and counts nothing",
            Class::LocalUnpriced => "same tokens: no price is known here",
            Class::Rate => "same tokens at another price",
            Class::Tokens => "other tokens",
            Class::Duplicate => "written twice by the gateway",
        }
    }
}
