//! Questions and answers on the wire: one stream each, a length (u32, little endian) and the canonical bytes.

use crate::message::{MAX_REQUEST_BYTES, MAX_RESPONSE_BYTES, Request, Response};
use althing_types::codec;
use futures::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use libp2p::{StreamProtocol, request_response};
use std::io;

/// An answer: encoded on the way out, decoded on the way in.
#[derive(Debug)]
pub(crate) enum Answer {
    /// To be written.
    Encoded(Vec<u8>),
    /// Was read, with its length in bytes.
    Decoded(Box<Response>, usize),
}

/// A question as it came. The library keeps failures to read one to itself, so what was wrong is carried like one.
#[derive(Debug)]
pub(crate) enum Asked {
    /// A question, with its length in bytes.
    Good(Request, usize),
    /// What the peer did wrong.
    Bad(String),
}

/// Reads and writes questions and answers.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Codec;

async fn read_frame<T: AsyncRead + Unpin + Send>(io: &mut T, most: usize) -> io::Result<Vec<u8>> {
    let mut head = [0u8; 4];
    io.read_exact(&mut head).await?;
    let length = u32::from_le_bytes(head) as usize;
    if length > most {
        let message = format!("a frame of {length} bytes exceeds the maximum of {most}");
        return Err(io::Error::new(io::ErrorKind::InvalidData, message));
    }
    // Grows with what arrives; the claimed length reserves nothing.
    let mut bytes = Vec::new();
    io.take(length as u64).read_to_end(&mut bytes).await?;
    if bytes.len() < length {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(bytes)
}

async fn write_frame<T: AsyncWrite + Unpin + Send>(io: &mut T, bytes: &[u8]) -> io::Result<()> {
    let length = u32::try_from(bytes.len()).map_err(|_| io::Error::from(io::ErrorKind::InvalidInput))?;
    io.write_all(&length.to_le_bytes()).await?;
    io.write_all(bytes).await
}

fn invalid(e: codec::DecodeError) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, e)
}

impl request_response::Codec for Codec {
    type Protocol = StreamProtocol;
    type Request = Asked;
    type Response = Answer;

    async fn read_request<T>(&mut self, _: &StreamProtocol, io: &mut T) -> io::Result<Asked>
    where
        T: AsyncRead + Unpin + Send,
    {
        let bytes = match read_frame(io, MAX_REQUEST_BYTES).await {
            Ok(bytes) => bytes,
            Err(e) if e.kind() == io::ErrorKind::InvalidData => return Ok(Asked::Bad(e.to_string())),
            Err(e) => return Err(e),
        };
        Ok(match Request::decode(&bytes) {
            Ok(request) => Asked::Good(request, bytes.len()),
            Err(e) => Asked::Bad(e.to_string()),
        })
    }

    async fn read_response<T>(&mut self, _: &StreamProtocol, io: &mut T) -> io::Result<Answer>
    where
        T: AsyncRead + Unpin + Send,
    {
        let bytes = read_frame(io, MAX_RESPONSE_BYTES).await?;
        let response = Response::decode(&bytes).map_err(invalid)?;
        Ok(Answer::Decoded(Box::new(response), bytes.len()))
    }

    async fn write_request<T>(&mut self, _: &StreamProtocol, io: &mut T, asked: Asked) -> io::Result<()>
    where
        T: AsyncWrite + Unpin + Send,
    {
        match asked {
            Asked::Good(request, _) => write_frame(io, &codec::encode(&request)).await,
            Asked::Bad(_) => Err(io::ErrorKind::InvalidInput.into()),
        }
    }

    async fn write_response<T>(&mut self, _: &StreamProtocol, io: &mut T, answer: Answer) -> io::Result<()>
    where
        T: AsyncWrite + Unpin + Send,
    {
        match answer {
            Answer::Encoded(bytes) => write_frame(io, &bytes).await,
            Answer::Decoded(response, _) => write_frame(io, &codec::encode(&response)).await,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8]) -> io::Result<Vec<u8>> {
        futures::executor::block_on(read_frame(&mut futures::io::Cursor::new(bytes), 8))
    }

    #[test]
    fn a_frame_that_claims_too_much_is_refused_before_it_is_read() {
        assert_eq!(read(&u32::MAX.to_le_bytes()).unwrap_err().kind(), io::ErrorKind::InvalidData);
        assert_eq!(read(&[9, 0, 0, 0]).unwrap_err().kind(), io::ErrorKind::InvalidData);
    }

    #[test]
    fn a_frame_that_ends_early_is_refused() {
        assert_eq!(read(&[4, 0, 0, 0, 1]).unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
        assert_eq!(read(&[1, 0, 0, 0, 7]).unwrap(), vec![7]);
    }
}
