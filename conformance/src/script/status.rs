//! The codes of `assert.response`, of every release, and the statuses that they stand for.

/// Codes and statuses.
const CODES: [(&str, u16); 55] = [
    ("continue", 100),
    ("switchingProtocols", 101),
    ("okay", 200),
    ("created", 201),
    ("accepted", 202),
    ("nonAuthoritativeInformation", 203),
    ("noContent", 204),
    ("resetContent", 205),
    ("partialContent", 206),
    ("multipleChoices", 300),
    ("movedPermanently", 301),
    ("found", 302),
    ("seeOther", 303),
    ("notModified", 304),
    ("useProxy", 305),
    ("temporaryRedirect", 307),
    ("permanentRedirect", 308),
    ("bad", 400),
    ("badRequest", 400),
    ("unauthorized", 401),
    ("paymentRequired", 402),
    ("forbidden", 403),
    ("notFound", 404),
    ("methodNotAllowed", 405),
    ("notAcceptable", 406),
    ("proxyAuthenticationRequired", 407),
    ("requestTimeout", 408),
    ("conflict", 409),
    ("gone", 410),
    ("lengthRequired", 411),
    ("preconditionFailed", 412),
    ("contentTooLarge", 413),
    ("requestEntityTooLarge", 413),
    ("uriTooLong", 414),
    ("requestURITooLong", 414),
    ("unsupportedMediaType", 415),
    ("rangeNotSatisfiable", 416),
    ("requestedRangeNotSatisfiable", 416),
    ("expectationFailed", 417),
    ("misdirectedRequest", 421),
    ("unprocessable", 422),
    ("unprocessableEntity", 422),
    ("unprocessableContent", 422),
    ("locked", 423),
    ("failedDependency", 424),
    ("tooEarly", 425),
    ("upgradeRequired", 426),
    ("preconditionRequired", 428),
    ("tooManyRequests", 429),
    ("internalServerError", 500),
    ("notImplemented", 501),
    ("badGateway", 502),
    ("serviceUnavailable", 503),
    ("gatewayTimeout", 504),
    ("httpVersionNotSupported", 505),
];

/// The status that a code stands for.
pub(crate) fn of_code(code: &str) -> Option<u16> {
    CODES.iter().find(|(held, _)| *held == code).map(|(_, status)| *status)
}

#[cfg(test)]
mod tests {
    use super::of_code;

    #[test]
    fn codes_of_old_and_new_releases_are_known() {
        for (code, status) in
            [("okay", 200), ("bad", 400), ("badRequest", 400), ("unprocessable", 422), ("gone", 410)]
        {
            assert_eq!(of_code(code), Some(status));
        }
        assert_eq!(of_code("fine"), None);
    }
}
