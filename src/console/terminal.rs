//! Moves bytes between a stream and the line editor; knows nothing of commands.

use std::io;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::timeout;

use super::editor::{Editor, Typed};

/// How long a stream may take for what is written to it. A serial port with its flow stopped or a
/// client that reads no more would otherwise hold its session, and its login, for ever.
const WRITE_TIMEOUT: Duration = Duration::from_secs(30);

/// What came of waiting for a line.
#[derive(Debug)]
pub(super) enum Input {
    Typed(Typed),
    /// Nothing was typed for as long as one may be idle.
    Idle,
}

pub(super) struct Terminal<S> {
    stream: S,
    editor: Editor,
    /// Bytes read and not yet taken, `taken` of them already.
    read: Vec<u8>,
    taken: usize,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Terminal<S> {
    pub(super) fn over(stream: S) -> Self {
        Self { stream, editor: Editor::new(), read: Vec::new(), taken: 0 }
    }

    /// Writes text; its line ends become those of a terminal.
    pub(super) async fn say(&mut self, text: &str) -> io::Result<()> {
        self.write(text.replace('\n', "\r\n").as_bytes()).await
    }

    /// Asks for a line; a hidden one is not echoed.
    pub(super) async fn ask(&mut self, prompt: &str, hidden: bool, idle_max: Duration) -> io::Result<Input> {
        self.editor.start(hidden);
        self.write(prompt.as_bytes()).await?;
        loop {
            let Ok(byte) = timeout(idle_max, self.byte()).await else { return Ok(Input::Idle) };
            let typed = self.editor.take(byte?);
            let echo = self.editor.take_echo();
            self.write(&echo).await?;
            if let Some(typed) = typed {
                return Ok(Input::Typed(typed));
            }
        }
    }

    /// Waits for any key and forgets what was typed with it. May be cancelled.
    pub(super) async fn any_key(&mut self) -> io::Result<()> {
        self.byte().await?;
        self.forget_typed();
        Ok(())
    }

    /// Forgets what was typed ahead and has been read already.
    pub(super) fn forget_typed(&mut self) {
        self.taken = self.read.len();
    }

    async fn byte(&mut self) -> io::Result<u8> {
        if let Some(byte) = self.read.get(self.taken) {
            self.taken += 1;
            return Ok(*byte);
        }
        let mut buffer = [0; 256];
        let count = self.stream.read(&mut buffer).await?;
        self.read = buffer[..count].to_vec();
        self.taken = 1;
        self.read.first().copied().ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
    }

    async fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        if bytes.is_empty() {
            return Ok(());
        }
        let write = async {
            self.stream.write_all(bytes).await?;
            self.stream.flush().await
        };
        timeout(WRITE_TIMEOUT, write).await.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
    }
}
