// Made with `minisign -S -c "cems-gateway update"`; the secret key is thrown away.
pub(in super::super) const KEY: &str = "RWRGJLRHnbdsuC9mdqjQNpnAERF+IL2q8Glnk1fCx5Jg9FcR23RzWNpN";
pub(in super::super) const OTHER_KEY: &str = "RWQ3WKAElsyrVXuRVjpIpGO8MJpClqpKXL5775rSPJo6AZKu0/bHit/a";
const SIGNED: &[u8] = b"signed";
const SIGNATURE: &str = "untrusted comment: cems-gateway update\n\
RURGJLRHnbdsuEaVPa9MlJe3GFGzJuDXgq49Z9Cctt8wHEvHbgwVTCxbIj8/Rb7Stzs1bix57HPSllm41Ao8otPML7JvBzEtfgA=\n\
trusted comment: cems-gateway update\n\
VPC/NAMLlAeWDSNz9Ky82ZgAcbZ9rnF2LuTpRxmGoJ37YOF6u49UhCcDjFCBI7CvzqhNosgTV8vLeny17RP0AA==\n\
";
/// Of the images of the tests of `bundle`.
pub(in super::super) const MANIFEST: &str = r#"format = 1
board = "test-board"
version = "9.8.7"
root_bytes = 150001
root_sha256 = "d1fb994830a6b3159e3854a578c14632c415c1ff14b8c018893c378adfb2f759"
boot_bytes = 70000
boot_sha256 = "3b11ad6c517de52625a117ca06f71e18272d61e4434e0e4206f228c928e45cab"
"#;
pub(in super::super) const MANIFEST_SIGNATURE: &str = "untrusted comment: cems-gateway update\n\
RURGJLRHnbdsuN2MnM2GtE3AujRLiIz+Z2Kv90xtp1LIcYi8TTUMJtF1hgo6mqS2eO34sa1+gAJ1bw0Emcfj2Mer5+DvCe992g0=\n\
trusted comment: cems-gateway update\n\
lNl2zCmm7OLPoHum80OMpNAPu09YoXUxQsPaOBDcJBCexd3oFm3ohtcEZkeyvmzQ//OYK545vG3rYj/uOIeZBA==\n\
";
