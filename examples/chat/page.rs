//! The page, with what a browser has to know about it.

use http::{Response, header};

const PAGE: &str = include_str!("page.html");

/// Styles and script are inline because the page is one file. It loads nothing, talks to this
/// server alone and may not be framed by another site.
const PAGE_POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; \
    script-src 'unsafe-inline'; img-src data:; connect-src 'self'; \
    base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

pub(crate) fn page() -> Response<&'static str> {
    Response::builder()
        .header(header::CONTENT_TYPE, "text/html; charset=utf-8")
        .header(header::CONTENT_SECURITY_POLICY, PAGE_POLICY)
        .header(header::X_CONTENT_TYPE_OPTIONS, "nosniff")
        .header(header::REFERRER_POLICY, "no-referrer")
        // The page and the server change together.
        .header(header::CACHE_CONTROL, "no-cache")
        .body(PAGE)
        .expect("every header here is valid")
}
