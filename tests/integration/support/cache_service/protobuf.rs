//! The messages of the cache service in their binary form, which sccache speaks; the public client and we speak JSON.
//!
//! Only the fields that the fake knows, numbered as in `github.actions.results.api.v1` of `@actions/cache`.

use serde_json::{Map, Value, json};

/// The fields of each request, by number.
fn fields(method: &str) -> &'static [(u64, &'static str)] {
    match method {
        "CreateCacheEntry" => &[(2, "key"), (3, "version")],
        "FinalizeCacheEntryUpload" => &[(2, "key"), (3, "size_bytes"), (4, "version")],
        "GetCacheEntryDownloadURL" => &[(2, "key"), (3, "restore_keys"), (4, "version")],
        _ => &[],
    }
}

/// A request as it would be in JSON.
pub fn decode(method: &str, mut bytes: &[u8]) -> Value {
    let mut request = Map::new();
    if method == "GetCacheEntryDownloadURL" {
        request.insert("restore_keys".into(), json!([]));
    }
    while !bytes.is_empty() {
        let tag = varint(&mut bytes);
        let value = match tag & 7 {
            // JSON has 64 bits as text.
            0 => json!(varint(&mut bytes).to_string()),
            2 => {
                let (text, rest) = {
                    let length = usize::try_from(varint(&mut bytes)).unwrap();
                    bytes.split_at(length)
                };
                bytes = rest;
                json!(String::from_utf8_lossy(text))
            }
            kind => panic!("no field of the service has wire type {kind}"),
        };
        let Some((_, name)) = fields(method).iter().find(|(number, _)| *number == tag >> 3) else { continue };
        match request.get_mut(*name) {
            Some(Value::Array(several)) => several.push(value),
            _ => drop(request.insert((*name).to_owned(), value)),
        }
    }
    Value::Object(request)
}

/// An answer in its binary form. What is false or empty is left out, as the format has it.
pub fn encode(answer: &Value) -> Vec<u8> {
    let mut bytes = Vec::new();
    if answer["ok"] == true {
        bytes.extend([1 << 3, 1]);
    }
    if let Some(id) = answer["entry_id"].as_str() {
        bytes.push(2 << 3);
        put(&mut bytes, id.parse().unwrap());
    }
    for (number, name) in [(2, "signed_upload_url"), (2, "signed_download_url"), (3, "matched_key")] {
        if let Some(text) = answer[name].as_str() {
            bytes.push(number << 3 | 2);
            put(&mut bytes, text.len() as u64);
            bytes.extend(text.as_bytes());
        }
    }
    bytes
}

fn varint(bytes: &mut &[u8]) -> u64 {
    let mut number = 0;
    for shift in (0..64).step_by(7) {
        let (first, rest) = bytes.split_first().expect("a number that ends");
        *bytes = rest;
        number |= u64::from(first & 0x7F) << shift;
        if first & 0x80 == 0 {
            break;
        }
    }
    number
}

fn put(bytes: &mut Vec<u8>, mut number: u64) {
    while number > 0x7F {
        bytes.push(u8::try_from(number & 0x7F).unwrap() | 0x80);
        number >>= 7;
    }
    bytes.push(u8::try_from(number).unwrap());
}
