//! Bytes as JSON strings.

use serde::{Serialize, Serializer, ser::Error as _};
use serde_json::value::RawValue;

/// A JSON string of bytes that are UTF-8, or not quite: each byte that is not appears as the
/// escape `\u00XX` of its value, and `"raw":true` stands beside the string.
#[derive(Clone, Copy, Debug)]
pub(super) struct Text<'a>(pub(super) &'a [u8]);

impl Text<'_> {
    /// Whether `"raw":true` must stand beside it.
    pub(super) fn is_raw(self) -> bool {
        std::str::from_utf8(self.0).is_err()
    }
}

impl Serialize for Text<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if let Ok(text) = std::str::from_utf8(self.0) {
            return serializer.serialize_str(text);
        }
        let mut json = String::from('"');
        for chunk in self.0.utf8_chunks() {
            let quoted = serde_json::to_string(chunk.valid()).map_err(S::Error::custom)?;
            json.extend(quoted.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')));
            json.extend(chunk.invalid().iter().map(|byte| format!("\\u00{byte:02x}")));
        }
        json.push('"');
        RawValue::from_string(json).map_err(S::Error::custom)?.serialize(serializer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_bytes_outside_utf8_are_escaped() {
        for (bytes, json, raw) in [
            (&b"plain \"quoted\"\t"[..], r#""plain \"quoted\"\t""#, false),
            ("né".as_bytes(), r#""né""#, false),
            (b"a\"\xe9\xff\"\xc3\xa9z", r#""a\"\u00e9\u00ff\"éz""#, true),
            (b"\xc3", r#""\u00c3""#, true),
            (b"\x00\x80", r#""\u0000\u0080""#, true),
        ] {
            assert_eq!(serde_json::to_string(&Text(bytes)).unwrap(), json);
            assert_eq!(Text(bytes).is_raw(), raw);
        }
    }
}
