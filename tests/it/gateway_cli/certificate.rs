//! Certificates and their keys, made here: X.509 (RFC 5280) in DER (X.690), signed with ECDSA on P-256.

use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair as _};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};

/// Whom a certificate is of.
#[derive(Debug, Clone, Copy)]
pub(super) enum Whose {
    /// Of who signs others.
    Issuer,
    /// Of a host by its name.
    Name(&'static str),
    /// Of a host by its address.
    Address([u8; 4]),
    /// Of a host that is only called so, as it was done until 2000.
    Called(&'static str),
}

/// A certificate and the key to it.
pub(super) struct Identity {
    pub(super) certificate: Vec<u8>,
    key: Vec<u8>,
}

/// The years from and to which one is valid.
pub(super) type Years = (u16, u16);

/// Years that are now.
pub(super) const NOW: Years = (2020, 2120);

/// Object identifiers.
const ECDSA_WITH_SHA256: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 2];
const EC_PUBLIC_KEY: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 2, 1];
const P256: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7];
const COMMON_NAME: &[u8] = &[0x55, 4, 3];
const ALTERNATIVE_NAME: &[u8] = &[0x55, 0x1d, 17];
const BASIC_CONSTRAINTS: &[u8] = &[0x55, 0x1d, 19];

impl Identity {
    /// One that this issuer has signed; without one it has signed itself.
    pub(super) fn new(whose: Whose, (from, to): Years, issuer: Option<&Identity>) -> Identity {
        let random = SystemRandom::new();
        let key = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &random).unwrap().as_ref().to_vec();
        let own = pair(&key);
        let subject = match whose {
            Whose::Issuer => "issuer",
            Whose::Called(name) => name,
            Whose::Name(_) | Whose::Address(_) => "host",
        };
        let algorithm = sequence(&[object(ECDSA_WITH_SHA256)]);
        let year = |year: u16| tagged(0x18, format!("{year}0101000000Z").as_bytes());
        let public = sequence(&[sequence(&[object(EC_PUBLIC_KEY), object(P256)]), bits(own.public_key().as_ref())]);
        let says = sequence(&[
            tagged(0xa0, &tagged(2, &[2])),
            tagged(2, &[1]),
            algorithm.clone(),
            called(if issuer.is_some() { "issuer" } else { subject }),
            sequence(&[year(from), year(to)]),
            called(subject),
            public,
            tagged(0xa3, &sequence(&[extension(whose)])),
        ]);
        let signer = issuer.map_or(own, |issuer| pair(&issuer.key));
        let signature = signer.sign(&random, &says).unwrap();
        Identity { certificate: sequence(&[says, algorithm, bits(signature.as_ref())]), key }
    }

    /// As rustls takes it.
    pub(super) fn parts(&self) -> (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>) {
        (vec![CertificateDer::from(self.certificate.clone())], PrivatePkcs8KeyDer::from(self.key.clone()).into())
    }

    /// The certificate as a file of those that are trusted (RFC 7468).
    pub(super) fn pem(&self) -> String {
        const SIGNS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        let four = |three: &[u8]| {
            let bits = (0..3).fold(0, |bits, at| bits << 8 | usize::from(*three.get(at).unwrap_or(&0)));
            (0..4).map(|at| if at <= three.len() { char::from(SIGNS[bits >> (18 - 6 * at) & 63]) } else { '=' }).collect::<String>()
        };
        let lines: Vec<String> = self.certificate.chunks(48).map(|line| line.chunks(3).map(four).collect()).collect();
        format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n", lines.join("\n"))
    }
}

fn pair(key: &[u8]) -> EcdsaKeyPair {
    EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, key, &SystemRandom::new()).unwrap()
}

/// What the extension says that matters here.
fn extension(whose: Whose) -> Vec<u8> {
    let (id, says) = match whose {
        Whose::Issuer | Whose::Called(_) => {
            (BASIC_CONSTRAINTS, if matches!(whose, Whose::Issuer) { tagged(1, &[0xff]) } else { Vec::new() })
        }
        Whose::Name(name) => (ALTERNATIVE_NAME, tagged(0x82, name.as_bytes())),
        Whose::Address(address) => (ALTERNATIVE_NAME, tagged(0x87, &address)),
    };
    sequence(&[object(id), tagged(4, &sequence(&[says]))])
}

fn called(name: &str) -> Vec<u8> {
    sequence(&[tagged(0x31, &sequence(&[object(COMMON_NAME), tagged(0x0c, name.as_bytes())]))])
}

fn sequence(parts: &[Vec<u8>]) -> Vec<u8> {
    tagged(0x30, &parts.concat())
}

fn object(id: &[u8]) -> Vec<u8> {
    tagged(6, id)
}

fn bits(bytes: &[u8]) -> Vec<u8> {
    tagged(3, &[&[0], bytes].concat())
}

/// Tag, length, content.
fn tagged(tag: u8, content: &[u8]) -> Vec<u8> {
    let [high, low] = u16::try_from(content.len()).unwrap().to_be_bytes();
    let length = match content.len() {
        0..=0x7f => vec![low],
        0x80..=0xff => vec![0x81, low],
        _ => vec![0x82, high, low],
    };
    [&[tag][..], &length, content].concat()
}
