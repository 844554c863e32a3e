//! Every code a refusal or a fault can carry, with the name, status and title that partners see. Names
//! are for ever: partners program against them. What a code means for one request is not here but in
//! the [`Refusal`](super::Refusal) that carries it.

use http::StatusCode;

/// What went wrong, by the name partners program against.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the title of each code is its documentation")]
pub enum Code {
    RequestMalformed,
    BodyTooLarge,
    UriTooLong,
    HeadersTooLarge,
    RequestTimeout,
    ExpectationFailed,
    Overloaded,
    CredentialsMissing,
    TokenInvalid,
    ProofInvalid,
    ClientCertificateRequired,
    CertificateMismatch,
    IdentityMismatch,
    PartnerSuspended,
    AgreementNotAccepted,
    PurposeRequired,
    PurposeNotAllowed,
    MarketingUseBlocked,
    BulkExportBlocked,
    PageTooLarge,
    CustomerBudgetExhausted,
    RateLimited,
    AbnormalUsage,
    ConsentRequired,
    ReleaseRequired,
    OperationNotAllowed,
    NotFound,
    RequestUninspectable,
    ChannelBlocked,
    CoreRejected,
    ResponseUninspectable,
    CoreUnavailable,
    CoreTimeout,
    RecordUnavailable,
}

impl Code {
    /// Every code; each has a page at `/.covenant/problems/<name>`.
    pub const ALL: [Self; 34] = [
        Self::RequestMalformed,
        Self::BodyTooLarge,
        Self::UriTooLong,
        Self::HeadersTooLarge,
        Self::RequestTimeout,
        Self::ExpectationFailed,
        Self::Overloaded,
        Self::CredentialsMissing,
        Self::TokenInvalid,
        Self::ProofInvalid,
        Self::ClientCertificateRequired,
        Self::CertificateMismatch,
        Self::IdentityMismatch,
        Self::PartnerSuspended,
        Self::AgreementNotAccepted,
        Self::PurposeRequired,
        Self::PurposeNotAllowed,
        Self::MarketingUseBlocked,
        Self::BulkExportBlocked,
        Self::PageTooLarge,
        Self::CustomerBudgetExhausted,
        Self::RateLimited,
        Self::AbnormalUsage,
        Self::ConsentRequired,
        Self::ReleaseRequired,
        Self::OperationNotAllowed,
        Self::NotFound,
        Self::RequestUninspectable,
        Self::ChannelBlocked,
        Self::CoreRejected,
        Self::ResponseUninspectable,
        Self::CoreUnavailable,
        Self::CoreTimeout,
        Self::RecordUnavailable,
    ];

    /// As in `code` and at the end of `type`.
    pub fn name(self) -> &'static str {
        match self {
            Self::RequestMalformed => "request-malformed",
            Self::BodyTooLarge => "body-too-large",
            Self::UriTooLong => "uri-too-long",
            Self::HeadersTooLarge => "headers-too-large",
            Self::RequestTimeout => "request-timeout",
            Self::ExpectationFailed => "expectation-failed",
            Self::Overloaded => "overloaded",
            Self::CredentialsMissing => "credentials-missing",
            Self::TokenInvalid => "token-invalid",
            Self::ProofInvalid => "proof-invalid",
            Self::ClientCertificateRequired => "client-certificate-required",
            Self::CertificateMismatch => "certificate-mismatch",
            Self::IdentityMismatch => "identity-mismatch",
            Self::PartnerSuspended => "partner-suspended",
            Self::AgreementNotAccepted => "agreement-not-accepted",
            Self::PurposeRequired => "purpose-required",
            Self::PurposeNotAllowed => "purpose-not-allowed",
            Self::MarketingUseBlocked => "marketing-use-blocked",
            Self::BulkExportBlocked => "bulk-export-blocked",
            Self::PageTooLarge => "page-too-large",
            Self::CustomerBudgetExhausted => "customer-budget-exhausted",
            Self::RateLimited => "rate-limited",
            Self::AbnormalUsage => "abnormal-usage",
            Self::ConsentRequired => "consent-required",
            Self::ReleaseRequired => "release-required",
            Self::OperationNotAllowed => "operation-not-allowed",
            Self::NotFound => "not-found",
            Self::RequestUninspectable => "request-uninspectable",
            Self::ChannelBlocked => "channel-blocked",
            Self::CoreRejected => "core-rejected",
            Self::ResponseUninspectable => "response-uninspectable",
            Self::CoreUnavailable => "core-unavailable",
            Self::CoreTimeout => "core-timeout",
            Self::RecordUnavailable => "record-unavailable",
        }
    }

    /// As in `title`.
    pub fn title(self) -> &'static str {
        match self {
            Self::RequestMalformed => "The request is ambiguous or malformed",
            Self::BodyTooLarge => "The request body is larger than allowed",
            Self::UriTooLong => "The request target is longer than allowed",
            Self::HeadersTooLarge => "The header section is larger than allowed",
            Self::RequestTimeout => "The request arrived too slowly",
            Self::ExpectationFailed => "This expectation is not supported",
            Self::Overloaded => "The gateway is at its limit",
            Self::CredentialsMissing => "No credentials were sent",
            Self::TokenInvalid => "The access token is not valid",
            Self::ProofInvalid => "The proof that goes with the token is not valid",
            Self::ClientCertificateRequired => "A client certificate is required",
            Self::CertificateMismatch => "The token is bound to another certificate",
            Self::IdentityMismatch => "Certificate, token and contract name different partners",
            Self::PartnerSuspended => "This partner is suspended",
            Self::AgreementNotAccepted => "The current partner terms have not been accepted",
            Self::PurposeRequired => "Name the purpose of this request",
            Self::PurposeNotAllowed => "This purpose is not granted",
            Self::MarketingUseBlocked => "Customer data is not disclosed for marketing",
            Self::BulkExportBlocked => "Customer data is not exported in bulk",
            Self::PageTooLarge => "The page asked for is larger than allowed",
            Self::CustomerBudgetExhausted => "The budget of distinct customers is used up",
            Self::RateLimited => "Too many requests",
            Self::AbnormalUsage => "The requests together would tell too much",
            Self::ConsentRequired => "This needs the customer's consent",
            Self::ReleaseRequired => "This needs an approved release order",
            Self::OperationNotAllowed => "The contract does not grant this operation",
            Self::NotFound => "Not found",
            Self::RequestUninspectable => "The request body cannot be inspected",
            Self::ChannelBlocked => "This outbound channel is not mediated",
            Self::CoreRejected => "The core service rejected the request",
            Self::ResponseUninspectable => "The answer could not be inspected and was withheld",
            Self::CoreUnavailable => "The core service is not available",
            Self::CoreTimeout => "The core service did not answer in time",
            Self::RecordUnavailable => {
                "The disclosure could not be recorded, so nothing was disclosed"
            }
        }
    }

    /// The HTTP status ([`Code::CoreRejected`] is sent with the status the catalogue has instead).
    pub fn status(self) -> StatusCode {
        match self {
            Self::RequestMalformed | Self::PurposeRequired | Self::CoreRejected => {
                StatusCode::BAD_REQUEST
            }
            Self::BodyTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::UriTooLong => StatusCode::URI_TOO_LONG,
            Self::HeadersTooLarge => StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            Self::RequestTimeout => StatusCode::REQUEST_TIMEOUT,
            Self::ExpectationFailed => StatusCode::EXPECTATION_FAILED,
            Self::Overloaded | Self::RecordUnavailable => StatusCode::SERVICE_UNAVAILABLE,
            Self::CredentialsMissing
            | Self::TokenInvalid
            | Self::ProofInvalid
            | Self::ClientCertificateRequired
            | Self::CertificateMismatch => StatusCode::UNAUTHORIZED,
            Self::IdentityMismatch
            | Self::PartnerSuspended
            | Self::AgreementNotAccepted
            | Self::PurposeNotAllowed
            | Self::MarketingUseBlocked
            | Self::BulkExportBlocked
            | Self::ConsentRequired
            | Self::ReleaseRequired
            | Self::OperationNotAllowed
            | Self::ChannelBlocked => StatusCode::FORBIDDEN,
            Self::PageTooLarge => StatusCode::UNPROCESSABLE_ENTITY,
            Self::CustomerBudgetExhausted | Self::RateLimited | Self::AbnormalUsage => {
                StatusCode::TOO_MANY_REQUESTS
            }
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::RequestUninspectable => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::ResponseUninspectable | Self::CoreUnavailable => StatusCode::BAD_GATEWAY,
            Self::CoreTimeout => StatusCode::GATEWAY_TIMEOUT,
        }
    }

    /// Whether the same request may succeed later without a change. What changes something must not be tried
    /// again by itself where it may have been done: `retryable` of its refusal says no then.
    pub fn is_retryable(self) -> bool {
        matches!(
            self,
            Self::RequestTimeout
                | Self::Overloaded
                | Self::CustomerBudgetExhausted
                | Self::RateLimited
                | Self::AbnormalUsage
                | Self::CoreUnavailable
                | Self::CoreTimeout
                | Self::RecordUnavailable
        )
    }

    /// From its name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|code| code.name() == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_has_a_name_of_its_own() {
        for code in Code::ALL {
            assert_eq!(Code::parse(code.name()), Some(code));
        }
    }
}
