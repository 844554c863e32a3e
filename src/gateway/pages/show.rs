//! One document of data, as JSON for programs and as a plain page for a browser. Both say the same: the page
//! is made from the document, member by member.

use std::fmt::Write as _;

use http::{HeaderValue, Response, StatusCode, header};
use serde_json::Value;

use crate::edge::body::{ResponseBody, whole};

/// The document under this title, in the form that `accept` asks for.
pub(super) fn shown(title: &str, document: &Value, accept: &str) -> Response<ResponseBody> {
    if !accept.contains("text/html") {
        return page("application/json", document.to_string());
    }
    let mut html = format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>{title}</title>\
         <h1>{title}</h1>"
    );
    write_value(&mut html, document);
    html.push_str("</html>");
    page("text/html; charset=utf-8", html)
}

/// Scalars as text, lists as lists, members as the rows of a table.
fn write_value(html: &mut String, value: &Value) {
    match value {
        Value::Null => html.push('–'),
        Value::Bool(true) => html.push_str("yes"),
        Value::Bool(false) => html.push_str("no"),
        Value::Number(number) => {
            // Writing to a text does not fail.
            let _ = write!(html, "{number}");
        }
        Value::String(text) => html.push_str(&escaped(text)),
        Value::Array(items) if items.is_empty() => html.push_str("none"),
        Value::Array(items) => {
            html.push_str("<ul>");
            for item in items {
                html.push_str("<li>");
                write_value(html, item);
                html.push_str("</li>");
            }
            html.push_str("</ul>");
        }
        Value::Object(members) => {
            html.push_str("<table>");
            for (name, member) in members {
                let name = escaped(&name.replace('_', " "));
                let _ = write!(html, "<tr><th scope=\"row\">{name}</th><td>");
                write_value(html, member);
                html.push_str("</td></tr>");
            }
            html.push_str("</table>");
        }
    }
}

/// A page of our own: nothing may be kept of it, framed or run from it.
pub(super) fn page(media_type: &'static str, body: String) -> Response<ResponseBody> {
    let mut response = Response::new(whole(body));
    *response.status_mut() = StatusCode::OK;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'"),
    );
    headers.insert(
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    );
    response
}

/// The text with everything that steers HTML written as references.
pub(super) fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_page_says_what_the_document_says_and_runs_nothing() {
        let document = json!({"a_name": "<b>\"x\" & y</b>", "list": [1, null, true], "none": []});
        let mut html = String::new();
        write_value(&mut html, &document);
        let told = "<table><tr><th scope=\"row\">a name</th>\
                    <td>&lt;b&gt;&quot;x&quot; &amp; y&lt;/b&gt;</td></tr>\
                    <tr><th scope=\"row\">list</th><td><ul><li>1</li><li>–</li><li>yes</li></ul></td></tr>\
                    <tr><th scope=\"row\">none</th><td>none</td></tr></table>";
        assert_eq!(html, told);
    }
}
