//! The settings that the tests give to each storage.

use super::Pairs;

/// Whatever can be set for each storage, in one or two forms.
pub(super) const FULL: &[(&str, Pairs<'_>)] = &[
    ("disk", &[("cache", "disk"), ("cache-dir", "objects"), ("cache-size", "5GiB")]),
    (
        "s3",
        &[
            ("s3-bucket", "ci"),
            ("s3-region", "eu-west-1"),
            ("s3-endpoint", "https://s3.example"),
            ("s3-key-prefix", "main"),
            ("s3-access-key-id", "id"),
            ("s3-secret-access-key", "key"),
            ("s3-session-token", "token"),
            ("s3-use-ssl", "true"),
            ("s3-server-side-encryption", "true"),
        ],
    ),
    ("s3, anonymous", &[("s3-bucket", "ci"), ("s3-region", "auto"), ("s3-anonymous", "true")]),
    ("s3, virtual host", &[("s3-bucket", "ci"), ("s3-region", "x"), ("s3-virtual-host-style", "true")]),
    (
        "s3, KMS",
        &[("s3-bucket", "ci"), ("s3-region", "x"), ("s3-kms", "true"), ("s3-kms-key-id", "arn:aws:kms:x")],
    ),
    (
        "redis",
        &[
            ("redis-endpoint", "rediss://cache:6380"),
            ("redis-username", "ci"),
            ("redis-password", "pw"),
            ("redis-db", "2"),
            ("redis-key-prefix", "main"),
            ("redis-expiration", "48h"),
        ],
    ),
    ("redis, all in the URL", &[("redis-endpoint", "redis://ci:p%40w@cache:6379/3")]),
    ("redis, cluster", &[("redis-cluster-endpoints", "redis://ci:pw@a:1, redis://ci:pw@b:2")]),
    (
        "memcached",
        &[
            ("memcached-endpoint", "cache:11211"),
            ("memcached-username", "ci"),
            ("memcached-password", "pw"),
            ("memcached-key-prefix", "main"),
            ("memcached-expiration", "7200"),
        ],
    ),
    (
        "gcs",
        &[
            ("gcs-bucket", "ci"),
            ("gcs-key-prefix", "main"),
            ("gcs-key-path", "key.json"),
            ("gcs-service-account", "ci@project"),
            ("gcs-credentials-url", "https://tokens.example/gcs"),
        ],
    ),
    ("gha", &[("cache", "gha"), ("gha-version", "2")]),
    (
        "azure",
        &[
            ("azure-connection-string", "AccountName=a;AccountKey=c2VjcmV0"),
            ("azure-container", "ci"),
            ("azure-key-prefix", "main"),
        ],
    ),
    (
        "azure, Entra ID",
        &[
            ("azure-storage-account", "account"),
            ("azure-endpoint", "https://account.blob.core.windows.net"),
            ("azure-container", "ci"),
        ],
    ),
    (
        "webdav, basic",
        &[
            ("webdav-endpoint", "https://dav.example/cache"),
            ("webdav-key-prefix", "main"),
            ("webdav-username", "ci"),
            ("webdav-password", "pw"),
        ],
    ),
    ("webdav, bearer", &[("webdav-endpoint", "http://ci-dav:80"), ("webdav-token", "token")]),
    (
        "webdav, no directories",
        &[("webdav-endpoint", "https://u:p@dav.example"), ("webdav-create-directories", "false")],
    ),
    (
        "oss",
        &[
            ("oss-bucket", "ci"),
            ("oss-endpoint", "https://oss.example"),
            ("oss-key-prefix", "main"),
            ("oss-access-key-id", "id"),
            ("oss-access-key-secret", "secret"),
        ],
    ),
    (
        "oss, anonymous",
        &[("oss-bucket", "ci"), ("oss-endpoint", "https://oss.example"), ("oss-anonymous", "true")],
    ),
    (
        "cos",
        &[
            ("cos-bucket", "ci"),
            ("cos-endpoint", "https://cos.example"),
            ("cos-key-prefix", "main"),
            ("cos-secret-id", "id"),
            ("cos-secret-key", "key"),
        ],
    ),
    ("chain", &[("cache", "disk,redis"), ("redis-endpoint", "redis://cache")]),
    (
        "chain, l0",
        &[("cache", "disk,redis"), ("redis-endpoint", "redis://cache"), ("chain-write-policy", "l0")],
    ),
];

/// What a runner gives to actions, and a machine with an identity in Azure.
pub(super) const MACHINE: Pairs<'_> = &[
    ("ACTIONS_RUNTIME_TOKEN", "runtime"),
    ("ACTIONS_RESULTS_URL", "https://results.example"),
    ("AZURE_CLIENT_ID", "client"),
    ("AZURE_CLIENT_SECRET", "identity"),
];
