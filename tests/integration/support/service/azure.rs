//! Azurite as a storage, with the key of its account.

use super::Service;
use crate::support::azurite::Azurite;
use crate::support::world::World;

const CONTAINER: &str = "objects";

pub struct Azure {
    azurite: Option<Azurite>,
}

impl Azure {
    pub fn start(world: &World) -> Self {
        Self { azurite: Some(Azurite::start(world, CONTAINER)) }
    }

    fn azurite(&self) -> &Azurite {
        self.azurite.as_ref().expect("it was stopped")
    }
}

impl Service for Azure {
    fn name(&self) -> &'static str {
        "azure"
    }

    fn inputs(&self) -> Vec<(&'static str, String)> {
        vec![
            ("azure-container", CONTAINER.into()),
            ("azure-connection-string", self.azurite().connection_string()),
            ("azure-key-prefix", "ci".into()),
        ]
    }

    fn wrong_credentials(&self) -> Vec<(&'static str, String)> {
        let wrong = self.azurite().connection_string_with("d3Jvbmcta2V5LXBsYW50ZWQ=");
        vec![("azure-connection-string", wrong)]
    }

    fn secrets(&self) -> Vec<String> {
        vec![Azurite::key().into()]
    }

    fn contents(&self) -> Vec<String> {
        self.azurite().blobs(CONTAINER)
    }

    fn pids(&self) -> Vec<u32> {
        self.azurite.iter().map(Azurite::pid).collect()
    }

    fn stop(&mut self) {
        if let Some(azurite) = self.azurite.take() {
            azurite.stop();
        }
    }
}
