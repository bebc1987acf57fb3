//! A DNS server that answers with the addresses of a test.

use std::{
    net::{Ipv4Addr, SocketAddr, UdpSocket},
    sync::{Arc, Mutex},
    thread,
};

/// Answers every query with the same addresses, until they are changed.
pub struct NameServer {
    pub address: SocketAddr,
    addresses: Arc<Mutex<Vec<Ipv4Addr>>>,
    answers: Arc<Mutex<Vec<Vec<Ipv4Addr>>>>,
}

impl NameServer {
    pub fn start(addresses: &[Ipv4Addr]) -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let address = socket.local_addr().unwrap();
        let addresses = Arc::new(Mutex::new(addresses.to_vec()));
        let answers = Arc::new(Mutex::new(Vec::new()));
        let (current, answered) = (addresses.clone(), answers.clone());
        thread::spawn(move || {
            let mut question = [0; 512];
            while let Ok((length, from)) = socket.recv_from(&mut question) {
                let now = current.lock().unwrap().clone();
                let _ = socket.send_to(&answer(&question[..length], &now), from);
                answered.lock().unwrap().push(now);
            }
        });
        Self { address, addresses, answers }
    }

    /// Changes the addresses.
    pub fn change(&self, addresses: &[Ipv4Addr]) {
        *self.addresses.lock().unwrap() = addresses.to_vec();
    }

    /// Whether an answer had exactly these addresses.
    pub fn has_answered(&self, addresses: &[Ipv4Addr]) -> bool {
        self.answers.lock().unwrap().iter().any(|answer| answer == addresses)
    }
}

/// Repeats the query with an A record per address; other record types do not exist.
fn answer(question: &[u8], addresses: &[Ipv4Addr]) -> Vec<u8> {
    const A: [u8; 2] = [0, 1];
    let name_length = question[12..].iter().position(|byte| *byte == 0).unwrap() + 1;
    let end = 12 + name_length + 4;
    let addresses = if question[end - 4..end - 2] == A { addresses } else { &[] };
    let mut answer = question[..2].to_vec();
    answer.extend([0x81, 0x80, 0, 1, 0, u8::try_from(addresses.len()).unwrap(), 0, 0, 0, 0]);
    answer.extend(&question[12..end]);
    for address in addresses {
        // The name of the query, type A, class IN, 60 seconds, four bytes.
        answer.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4]);
        answer.extend(address.octets());
    }
    answer
}
