//! Entra ID: a stand-in that hands out tokens, and an Azurite that wants them. Azurite looks at issuer, audience and
//! times of a token, and not at its signature.

use std::sync::{Arc, Mutex};
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::json;

use super::azurite;
use super::cache_service::base64url;
use super::certificates::Authority;
use super::http::{Request, Server};
use super::service::{Process, on_free_port};
use super::tools::program;
use super::world::World;

const TENANT: &str = "ab1f708d-50f6-404c-a006-d71b2ac7a606";
const CLIENT: &str = "23657296-5cd5-45b0-a809-d972a7f4dfe1";
const ACCOUNT: &str = "devstoreaccount1";
pub const SECRET: &str = "planted-client-secret";
const ASSERTION: &str = "planted-federated-token";

/// Both, and an authority for the certificate that Azurite insists on.
pub struct Entra {
    authority: Authority,
    tokens: Server,
    storage: (Process, u16),
    /// What was asked for tokens, in the words of the requests.
    asked: Arc<Mutex<Vec<String>>>,
}

/// The identity by which a job asks for a token.
#[derive(Clone, Copy, Debug)]
pub enum Identity {
    ClientSecret(&'static str),
    /// A file with a token that the CI has signed.
    Federated,
}

fn token() -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let claims = json!({
        "aud": "https://storage.azure.com", "iss": format!("https://sts.windows.net/{TENANT}/"),
        "iat": now, "nbf": now - 10, "exp": now + 3600, "tid": TENANT, "oid": CLIENT, "upn": "ci",
    });
    let parts =
        [json!({ "alg": "RS256", "typ": "JWT" }), claims].map(|part| base64url(part.to_string().as_bytes()));
    format!("{}.{}.{}", parts[0], parts[1], base64url(b"none"))
}

/// RFC 6749, 4.4, with the two ways in which Entra ID lets a client prove who it is.
fn answer(request: &Request) -> (u16, Vec<u8>) {
    let said = String::from_utf8_lossy(&request.body).into_owned();
    let has = |name: &str, value: &str| said.split('&').any(|pair| pair == format!("{name}={value}"));
    let is_known = request.target == format!("/{TENANT}/oauth2/v2.0/token")
        && has("client_id", CLIENT)
        && has("grant_type", "client_credentials")
        && (has("client_secret", SECRET) || has("client_assertion", ASSERTION));
    let body = match is_known {
        true => json!({ "token_type": "Bearer", "expires_in": 3600, "access_token": token() }),
        false => json!({ "error": "invalid_client", "error_description": "AADSTS7000215: no such client" }),
    };
    (if is_known { 200 } else { 401 }, body.to_string().into_bytes())
}

impl Entra {
    pub fn start(world: &World, container: &str) -> Self {
        let authority = Authority::new(world, "entra-authority");
        let (certificate, key) = authority.sign(world, "localhost");
        let data = world.path("storage/azurite-oauth");
        std::fs::create_dir_all(&data).unwrap();
        let storage = on_free_port("azurite", |port| {
            let step = world.command(program("node", "nodejs")).arg(azurite::installed());
            let step =
                step.args(&["--blobHost", "127.0.0.1", "--blobPort", &port.to_string(), "--oauth", "basic"]);
            let step = step.args(&["--silent", "--skipApiVersionCheck", "--loose", "--disableTelemetry"]);
            let step = step.arg("--cert").arg(&certificate).arg("--key").arg(&key);
            step.arg("--location").arg(&data).within(&data)
        });
        let url = format!("https://127.0.0.1:{}/{ACCOUNT}/{container}?restype=container", storage.1);
        let curl = world.command(program("curl", "curl")).args(&["--silent", "--fail", "--request", "PUT"]);
        let curl = curl.args(&["--cacert", &authority.file(), "--header", "x-ms-version: 2021-08-06"]);
        let bearer = format!("Authorization: Bearer {}", token());
        curl.args(&["--header", "Content-Length: 0", "--header", &bearer, &url]).run().expect(0);
        let asked: Arc<Mutex<Vec<String>>> = Arc::default();
        let shared = Arc::clone(&asked);
        let tokens = Server::answering(move |request| {
            shared.lock().unwrap().push(format!("{} {}", request.verb, request.target));
            answer(request)
        });
        std::fs::write(world.path("storage/assertion"), ASSERTION).unwrap();
        Self { authority, tokens, storage, asked }
    }

    /// The variables of a job with this identity. What it asks of any other host than this machine, such as the
    /// metadata service of a virtual machine in Azure, comes to the stand-in, which knows nothing of it.
    pub fn variables(&self, world: &World, identity: Identity) -> Vec<(&'static str, String)> {
        let tokens = format!("http://127.0.0.1:{}", self.tokens.port);
        let mut variables = vec![
            ("SSL_CERT_FILE", self.authority.file()),
            ("HTTP_PROXY", tokens.clone()),
            ("NO_PROXY", "127.0.0.1".into()),
            ("AZURE_AUTHORITY_HOST", tokens),
            ("AZURE_TENANT_ID", TENANT.into()),
            ("AZURE_CLIENT_ID", CLIENT.into()),
            ("azure-storage-account", ACCOUNT.into()),
            ("azure-endpoint", format!("https://127.0.0.1:{}/{ACCOUNT}", self.storage.1)),
        ];
        variables.push(match identity {
            Identity::ClientSecret(secret) => ("AZURE_CLIENT_SECRET", secret.into()),
            Identity::Federated => {
                ("AZURE_FEDERATED_TOKEN_FILE", world.path("storage/assertion").display().to_string())
            }
        });
        variables
    }

    /// How many tokens were asked for.
    pub fn tokens_asked_for(&self) -> usize {
        self.asked.lock().unwrap().iter().filter(|asked| asked.ends_with("/oauth2/v2.0/token")).count()
    }

    pub fn stop(&mut self) {
        self.tokens.leave();
        self.storage.0.stop();
    }
}
