//! The calls of GitHub's cache service v2.
//!
//! Surface: twirp with JSON, `POST <base>/twirp/github.actions.results.api.v1.CacheService/<method>`, fields in
//! snake case, as `@actions/cache` 6 sends them; both cases are read. Fields with their default value may be
//! missing from an answer.

use std::sync::Arc;
use std::time::Duration;

use anyhow::anyhow;
use serde_json::{Value, json};

use super::blob::{passing_text, retry_after};
use super::{StoreError, Traffic};
use crate::bundle::Halt;
use crate::secret::Secret;

const SERVICE: &str = "twirp/github.actions.results.api.v1.CacheService";

/// The waits between tries: one more try than waits.
const PAUSES: [Duration; 3] = [Duration::from_millis(500), Duration::from_secs(2), Duration::from_secs(4)];

/// The longest wait that the service may ask for; beyond it the job is better off without.
const RETRY_AFTER_LIMIT: Duration = Duration::from_secs(20);

/// How often, and how far apart, an upload is finalized that the service does not see yet.
const NOT_SEEN_YET: (usize, Duration) = (5, Duration::from_secs(2));

/// A cache service.
#[derive(Debug)]
pub(super) struct Service {
    pub(super) agent: ureq::Agent,
    pub(super) base: String,
    pub(super) token: Secret,
    /// Entries of another version are invisible.
    pub(super) version: String,
    pub(super) halt: Arc<Halt>,
    pub(super) traffic: Arc<Traffic>,
}

/// An answer that is one: a status and an object.
struct Answer {
    status: u16,
    body: Value,
}

/// What came of a reservation.
pub(super) enum Reserved {
    /// Upload there.
    Upload(String),
    /// Somebody else has that key.
    Before,
}

impl Service {
    /// The key that matched, and where its bytes are; `None` for a miss.
    pub(super) fn look_up(
        &self,
        key: &str,
        restore_keys: &[String],
    ) -> Result<Option<(String, String)>, StoreError> {
        let request = json!({ "key": key, "restore_keys": restore_keys, "version": self.version });
        let answer = self.call("GetCacheEntryDownloadURL", &request)?;
        match answer.status {
            200 if answer.is_ok() => {
                let found = answer.text("matched_key").zip(answer.text("signed_download_url"));
                found.map(Some).ok_or_else(|| incomplete("GetCacheEntryDownloadURL"))
            }
            200 => Ok(None),
            // twirp's word for it, though GitHub answers 200 for a miss.
            404 if answer.text("code").as_deref() == Some("not_found") => Ok(None),
            _ => Err(answer.refusal()),
        }
    }

    /// Reserves a key.
    pub(super) fn create(&self, key: &str) -> Result<Reserved, StoreError> {
        let answer = self.call("CreateCacheEntry", &json!({ "key": key, "version": self.version }))?;
        match answer.status {
            200 if answer.is_ok() => {
                let url = answer.text("signed_upload_url").ok_or_else(|| incomplete("CreateCacheEntry"))?;
                Ok(Reserved::Upload(url))
            }
            409 => Ok(Reserved::Before),
            // Without a message: somebody else is uploading it at the moment.
            200 if answer.message().is_none() => Ok(Reserved::Before),
            _ if answer.text("code").as_deref() == Some("already_exists") => Ok(Reserved::Before),
            _ => Err(answer.refusal()),
        }
    }

    /// Makes an upload visible.
    pub(super) fn finalize(&self, key: &str, bytes: u64) -> Result<(), StoreError> {
        // As text, because that is how JSON carries 64 bits.
        let request = json!({ "key": key, "version": self.version, "size_bytes": bytes.to_string() });
        let (tries, pause) = NOT_SEEN_YET;
        for number in 1.. {
            let answer = self.call("FinalizeCacheEntryUpload", &request)?;
            match answer.status {
                200 if answer.is_ok() => return Ok(()),
                404 if number < tries => self.halt.rest(pause).map_err(StoreError::Unavailable)?,
                _ => return Err(answer.refusal()),
            }
        }
        Ok(())
    }

    fn call(&self, method: &str, request: &Value) -> Result<Answer, StoreError> {
        let url = format!("{}/{SERVICE}/{method}", self.base.trim_end_matches('/'));
        let body = request.to_string();
        let mut pauses = PAUSES.into_iter();
        let mut may_wait = true;
        loop {
            self.halt.check().map_err(StoreError::Unavailable)?;
            let reason = match self.try_call(&url, &body) {
                Ok((429, wanted, _)) => {
                    let wanted = wanted.unwrap_or(RETRY_AFTER_LIMIT);
                    if !std::mem::take(&mut may_wait) || wanted > RETRY_AFTER_LIMIT.min(self.halt.left()) {
                        let secs = wanted.as_secs();
                        let told = format!("the cache service has had too many requests, for {secs} s more");
                        return Err(StoreError::Unavailable(anyhow!(told)));
                    }
                    self.halt.rest(wanted).map_err(StoreError::Unavailable)?;
                    continue;
                }
                Ok((status @ (500..=599 | 408), _, _)) => anyhow!("the cache service answered {status}"),
                Ok((status, _, text)) => match serde_json::from_str(&text) {
                    Ok(body) => return Ok(Answer { status, body }),
                    Err(_) if status != 200 => return Ok(Answer { status, body: Value::Null }),
                    Err(_) => anyhow!("the cache service answered with something else than JSON"),
                },
                Err(error) => {
                    self.halt.check().map_err(StoreError::Unavailable)?;
                    anyhow!("the cache service cannot be reached: {}", passing_text(&error))
                }
            };
            let Some(pause) = pauses.next().filter(|pause| *pause < self.halt.left()) else {
                return Err(StoreError::Unavailable(reason));
            };
            self.halt.rest(pause).map_err(StoreError::Unavailable)?;
        }
    }

    fn try_call(&self, url: &str, body: &str) -> Result<(u16, Option<Duration>, String), ureq::Error> {
        self.traffic.request();
        self.traffic.sent(body.len() as u64);
        let request = self.agent.post(url).config().timeout_global(Some(self.halt.left())).build();
        let mut response = request
            .header("Authorization", format!("Bearer {}", self.token.expose()))
            .header("Content-Type", "application/json")
            .send(body)?;
        let status = response.status().as_u16();
        let wanted = retry_after(response.headers());
        // An answer is a few lines; what is longer is none.
        let text = response.body_mut().with_config().limit(256 << 10).read_to_string()?;
        self.traffic.received(text.len() as u64);
        Ok((status, wanted, text))
    }
}

impl Answer {
    fn is_ok(&self) -> bool {
        self.body.get("ok").and_then(Value::as_bool).unwrap_or(false)
    }

    /// A field that is neither missing nor empty, in snake case or camel case.
    fn text(&self, name: &str) -> Option<String> {
        let mut camel = String::new();
        for (number, word) in name.split('_').enumerate() {
            let (first, rest) = word.split_at(usize::from(number > 0).min(word.len()));
            camel += &first.to_ascii_uppercase();
            camel += rest;
        }
        let value = self.body.get(name).or_else(|| self.body.get(camel))?;
        Some(value.as_str()?.to_owned()).filter(|text| !text.is_empty())
    }

    fn message(&self) -> Option<String> {
        let told = ["message", "msg", "error"].iter().find_map(|name| self.text(name));
        // Foreign words: one line of them, without what could be a signed URL's credentials.
        told.map(|told| without_queries(&told).chars().take(300).collect())
    }

    fn refusal(&self) -> StoreError {
        let told = self.message().unwrap_or_else(|| "without a reason".into());
        match self.status {
            200 | 400..=499 => {
                StoreError::Denied(format!("the cache service refused ({}): {told}", self.status))
            }
            status => StoreError::Unavailable(anyhow!("the cache service answered {status}: {told}")),
        }
    }
}

fn incomplete(method: &str) -> StoreError {
    StoreError::Unavailable(anyhow!("the cache service's answer to `{method}` is incomplete"))
}

/// A text without the queries of the URLs in it, which carry credentials, and in one line.
pub(super) fn without_queries(text: &str) -> String {
    let words = text.split_whitespace().map(|word| match word.split_once('?') {
        Some((url, _)) if url.contains("://") => format!("{url}?***"),
        _ => word.to_owned(),
    });
    words.collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, body: Value) -> Answer {
        Answer { status, body }
    }

    #[test]
    fn fields_are_read_in_both_cases_and_may_be_missing() {
        let snake = answer(200, json!({ "ok": true, "signed_upload_url": "https://blob/x" }));
        let camel = answer(200, json!({ "ok": true, "signedUploadUrl": "https://blob/x" }));
        for answer in [snake, camel] {
            assert!(answer.is_ok());
            assert_eq!(answer.text("signed_upload_url").as_deref(), Some("https://blob/x"));
        }
        let empty = answer(200, json!({ "matched_key": "" }));
        assert!(!empty.is_ok() && empty.text("matched_key").is_none());
    }

    #[test]
    fn a_refusal_tells_the_services_words_without_credentials() {
        let body =
            json!({ "code": "permission_denied", "msg": "no\nscope at https://b/x?sig=SECRET&se=1 found" });
        let told = answer(403, body).refusal().reason();
        assert_eq!(told, "the cache service refused (403): no scope at https://b/x?*** found");
    }
}
