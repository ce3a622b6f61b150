//! The model of GitHub's cache service as a storage: entries and tokens are its own, blobs are in a real Azurite.

use super::Service;
use crate::support::cache_service::{CacheService, token};
use crate::support::world::World;

const BRANCH: &str = "refs/heads/main";

pub struct Gha {
    service: Option<CacheService>,
}

impl Gha {
    pub fn start(world: &World) -> Self {
        Self { service: Some(CacheService::start(world)) }
    }

    pub fn service(&self) -> &CacheService {
        self.service.as_ref().expect("it was stopped")
    }
}

impl Service for Gha {
    fn name(&self) -> &'static str {
        "gha"
    }

    fn inputs(&self) -> Vec<(&'static str, String)> {
        vec![("cache", "gha".into())]
    }

    fn environment(&self) -> Vec<(&'static str, String)> {
        vec![
            ("ACTIONS_CACHE_SERVICE_V2", "True".into()),
            ("ACTIONS_RESULTS_URL", self.service().url()),
            ("ACTIONS_RUNTIME_TOKEN", token(BRANCH, &[], 3)),
        ]
    }

    fn wrong_credentials(&self) -> Vec<(&'static str, String)> {
        vec![("ACTIONS_RUNTIME_TOKEN", "wrong-planted-token".into())]
    }

    fn secrets(&self) -> Vec<String> {
        vec![token(BRANCH, &[], 3)]
    }

    fn contents(&self) -> Vec<String> {
        let entries = self.service().entries();
        entries.iter().map(|entry| format!("{} {} {:?}", entry.key, entry.version, entry.bytes)).collect()
    }

    fn pids(&self) -> Vec<u32> {
        self.service.iter().map(CacheService::pid).collect()
    }

    fn stop(&mut self) {
        if let Some(service) = self.service.take() {
            service.stop();
        }
    }
}
