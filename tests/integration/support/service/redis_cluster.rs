//! A cluster of three Redis servers, as `redis-cli` puts it together.

use super::redis::{PASSWORD, keys, started};
use super::{Process, Service};
use crate::support::tools::program;
use crate::support::until;
use crate::support::world::World;

pub struct RedisCluster {
    nodes: Vec<(Process, u16)>,
    sockets: Vec<std::path::PathBuf>,
}

impl RedisCluster {
    pub fn start(world: &World) -> Self {
        let (mut nodes, mut sockets) = (Vec::new(), Vec::new());
        for number in 0..3 {
            let data = world.path(&format!("storage/redis-node-{number}"));
            // The nodes' own port is by default 10 000 above the other one, which may be no port at all.
            let bus = || std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
            nodes.push(started(world, &data, &|port| {
                format!("port {port}\ncluster-enabled yes\ncluster-port {}\nmasterauth {PASSWORD}\n", bus())
            }));
            sockets.push(data.join("admin"));
        }
        let addresses: Vec<String> = nodes.iter().map(|(_, port)| format!("127.0.0.1:{port}")).collect();
        let client = || world.command(program("redis-cli", "redis-tools")).env("REDISCLI_AUTH", PASSWORD);
        client().args(&["--cluster", "create"]).args(&addresses).arg("--cluster-yes").run().expect(0);
        for (_, port) in &nodes {
            until("the cluster", || {
                let told = client().args(&["-p", &port.to_string(), "cluster", "info"]).run();
                told.stdout.contains("cluster_state:ok").then_some(())
            });
        }
        Self { nodes, sockets }
    }
}

impl Service for RedisCluster {
    fn name(&self) -> &'static str {
        "redis"
    }

    /// Two of the nodes, so that the third one is only found by asking them.
    fn inputs(&self) -> Vec<(&'static str, String)> {
        let nodes: Vec<String> =
            self.nodes[..2].iter().map(|(_, port)| format!("redis://127.0.0.1:{port}")).collect();
        vec![
            ("redis-cluster-endpoints", nodes.join(",")),
            ("redis-password", PASSWORD.into()),
            ("redis-key-prefix", "ci".into()),
        ]
    }

    fn wrong_credentials(&self) -> Vec<(&'static str, String)> {
        vec![("redis-password", "wrong-planted-password".into())]
    }

    fn secrets(&self) -> Vec<String> {
        vec![PASSWORD.into()]
    }

    fn contents(&self) -> Vec<String> {
        let mut all: Vec<String> = self.sockets.iter().flat_map(|socket| keys(socket)).collect();
        all.sort();
        all
    }

    fn pids(&self) -> Vec<u32> {
        self.nodes.iter().map(|(process, _)| process.pid).collect()
    }

    fn stop(&mut self) {
        self.nodes.iter_mut().for_each(|(process, _)| process.stop());
    }
}
