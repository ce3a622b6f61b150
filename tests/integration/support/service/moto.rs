//! moto's server, from PyPI: S3 with access keys that are really checked.

use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;

use super::{Process, Service, on_free_port, talk};
use crate::support::tools::{self, program};
use crate::support::world::World;

/// The requests by which [`SET_UP`] makes a bucket, a user and a key; after them every request is checked.
const SET_UP_REQUESTS: &str = "4";
const SET_UP: &str = r#"
import json, sys
import boto3
url, bucket = sys.argv[1:]
known = dict(endpoint_url=url, region_name="us-east-1", aws_access_key_id="setup", aws_secret_access_key="setup")
boto3.client("s3", **known).create_bucket(Bucket=bucket)
iam = boto3.client("iam", **known)
iam.create_user(UserName="ci")
everything = {"Effect": "Allow", "Action": "s3:*", "Resource": "*"}
document = json.dumps({"Version": "2012-10-17", "Statement": [everything]})
iam.put_user_policy(UserName="ci", PolicyName="ci", PolicyDocument=document)
key = iam.create_access_key(UserName="ci")["AccessKey"]
print(key["AccessKeyId"], key["SecretAccessKey"])
"#;

pub struct Moto {
    process: Process,
    port: u16,
    key: (String, String),
}

/// Where `.ci/prepare` puts it; installed there when it is missing.
fn installed() -> PathBuf {
    static INSTALLED: OnceLock<PathBuf> = OnceLock::new();
    INSTALLED.get_or_init(|| virtual_environment("moto", "moto_server", "moto[s3,iam,server]==5.*")).clone()
}

/// The programs of a package from PyPI, in an environment of its own among the tools.
pub(super) fn virtual_environment(name: &str, main: &str, package: &str) -> PathBuf {
    let environment = tools::installed().join(name);
    let bin = environment.join("bin");
    if !bin.join(main).is_file() {
        let run = |command: &mut Command| {
            let done = command.output().unwrap();
            let told = String::from_utf8_lossy(&done.stderr).into_owned();
            assert!(done.status.success(), "{name} cannot be installed (`pip install {package}`): {told}");
        };
        run(Command::new(program("python3", "python3")).args(["-m", "venv"]).arg(environment));
        let pip = ["install", "--quiet", "--disable-pip-version-check", package];
        run(Command::new(bin.join("pip")).args(pip));
    }
    bin
}

impl Moto {
    pub fn start(world: &World) -> Self {
        let bin = installed();
        let (process, port) = on_free_port("moto_server", |port| {
            let step =
                world.command(bin.join("moto_server")).env("INITIAL_NO_AUTH_ACTION_COUNT", SET_UP_REQUESTS);
            // Its request log would fill a pipe that nobody reads.
            let script = "exec \"$0\" \"$@\" > /dev/null 2>&1";
            step.args(&["-H", "127.0.0.1", "-p", &port.to_string()])
                .wrapped(&program("sh", "dash"), &["-c", script])
        });
        let url = format!("http://127.0.0.1:{port}");
        let made = world.command(bin.join("python")).args(&["-c", SET_UP, &url, "objects"]).run().expect(0);
        let (id, secret) = made.stdout.trim().split_once(' ').unwrap();
        Self { process, port, key: (id.to_owned(), secret.to_owned()) }
    }
}

impl Service for Moto {
    fn name(&self) -> &'static str {
        "s3"
    }

    fn inputs(&self) -> Vec<(&'static str, String)> {
        vec![
            ("s3-bucket", "objects".into()),
            ("s3-region", "us-east-1".into()),
            ("s3-endpoint", format!("http://127.0.0.1:{}", self.port)),
            ("s3-key-prefix", "ci".into()),
            ("s3-access-key-id", self.key.0.clone()),
            ("s3-secret-access-key", self.key.1.clone()),
        ]
    }

    fn wrong_credentials(&self) -> Vec<(&'static str, String)> {
        vec![("s3-secret-access-key", "wrong-planted-secret".into())]
    }

    fn secrets(&self) -> Vec<String> {
        vec![self.key.0.clone(), self.key.1.clone()]
    }

    fn contents(&self) -> Vec<String> {
        let ask = "GET /moto-api/data.json HTTP/1.0\r\nHost: localhost\r\n\r\n";
        let told = talk(self.port, ask, "");
        let body = told.split_once("\r\n\r\n").unwrap().1;
        let data: serde_json::Value = serde_json::from_str(body).unwrap();
        let keys = data["s3"]["FakeKey"].as_array().into_iter().flatten();
        let mut keys: Vec<String> = keys
            .map(|key| format!("{} {} {}", key["name"], key["etag"], key["last_modified_ISO8601"]))
            .collect();
        keys.sort();
        keys
    }

    fn pids(&self) -> Vec<u32> {
        vec![self.process.pid]
    }

    fn stop(&mut self) {
        self.process.stop();
    }
}
