//! A certificate authority of one test, made by `openssl`, and certificates that it signs.

use std::path::PathBuf;

use super::tools::program;
use super::world::World;

pub struct Authority {
    directory: PathBuf,
}

impl Authority {
    /// A new one, below `name` in this world.
    pub fn new(world: &World, name: &str) -> Self {
        let authority = Self { directory: world.path(name) };
        std::fs::create_dir_all(&authority.directory).unwrap();
        let words = "req -x509 -days 2 -subj /CN=throw-away -addext basicConstraints=critical,CA:TRUE";
        authority.openssl(world, &format!("{words} {KEY} -keyout ca.key -out ca.pem"));
        authority
    }

    /// What a client must trust: the value of `SSL_CERT_FILE`.
    pub fn file(&self) -> String {
        self.directory.join("ca.pem").display().to_string()
    }

    /// The files of a certificate for this host and for 127.0.0.1, and of its key.
    pub fn sign(&self, world: &World, host: &str) -> (PathBuf, PathBuf) {
        let names = format!("subjectAltName=DNS:{host},IP:127.0.0.1\nbasicConstraints=CA:FALSE\n");
        std::fs::write(self.directory.join("names"), names).unwrap();
        self.openssl(world, &format!("req {KEY} -subj /CN={host} -keyout server.key -out server.csr"));
        self.openssl(
            world,
            "x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile names -out server.pem",
        );
        (self.directory.join("server.pem"), self.directory.join("server.key"))
    }

    fn openssl(&self, world: &World, words: &str) {
        let words: Vec<&str> = words.split(' ').collect();
        world.command(program("openssl", "openssl")).args(&words).within(&self.directory).run().expect(0);
    }
}

const KEY: &str = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes";
