//! How files of a type begin, so that something else is not passed on as one.

/// No signature here is longer.
pub(super) const SIGNATURE_BYTES: usize = 8;

/// Whether a file of this media type may begin so. Of types without a known beginning, any.
pub(super) fn fits(media_type: &str, beginning: &[u8]) -> bool {
    let signatures: &[&[u8]] = match media_type {
        "application/pdf" => &[b"%PDF-"],
        "image/png" => &[b"\x89PNG\r\n\x1A\n"],
        "image/jpeg" => &[b"\xFF\xD8\xFF"],
        "image/gif" => &[b"GIF87a", b"GIF89a"],
        "image/tiff" => &[b"II*\0", b"MM\0*"],
        _ => return true,
    };
    signatures.iter().any(|one| beginning.starts_with(one))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_begins_as_its_type_does() {
        assert!(fits("application/pdf", b"%PDF-1.7"));
        assert!(fits("image/png", b"\x89PNG\r\n\x1A\n"));
        assert!(fits("application/postscript", b"anything"));
        for (media_type, beginning) in [
            ("application/pdf", &b"{\"data\":"[..]),
            ("application/pdf", b""),
            ("application/pdf", b"\n%PDF-1."),
            ("image/png", b"%PDF-1.7"),
        ] {
            assert!(!fits(media_type, beginning), "{media_type}");
        }
    }
}
