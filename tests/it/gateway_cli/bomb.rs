//! An answer that is small on its way and endless when it is unpacked: refused, in no more memory than an answer may take.

#![cfg(target_os = "linux")] // where a process can be kept from taking more

use std::io::Write as _;
use std::process::Command;

use super::Machine;
use crate::gateways::client::bomb;
use crate::proxy::service::Service;

#[test]
fn an_answer_of_four_gigabytes_is_refused_in_bounded_memory() {
    let body = bomb(4096);
    assert!(body.len() < 8 << 20, "{} bytes", body.len());
    let service = Service::new(move |_, stream| {
        let head = format!("HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", body.len());
        let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(&body));
    });
    let machine = Machine::new();
    let program = machine.command(&["gateway", "add", "team", &service.url(), "--token-env", "VIEWER", "--kind", "litellm"]);
    let mut command = Command::new("sh");
    // In kilobytes, of all that it could touch: much more than it needs, and much less than the answer.
    command.args(["-c", r#"ulimit -v 1500000; exec "$0" "$@""#]).arg(program.get_program()).args(program.get_args());
    command.env_clear().envs(program.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let output = command.output().unwrap();
    let err = String::from_utf8(output.stderr).unwrap();
    assert_eq!((output.status.code(), machine.config()), (Some(1), None), "{err}");
    assert!(err.contains("127.0.0.1 answers with more than 64 MB, which is no answer"), "{err}");
}
