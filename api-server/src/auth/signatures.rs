//! Signatures of tokens are verified by ring, as those of TLS are: one library for both, and none that the release would
//! carry for this alone. Nothing is signed here.

use jsonwebtoken::crypto::{CryptoProvider, JwtSigner, JwtVerifier, KeyUtils};
use jsonwebtoken::errors::{ErrorKind, Result};
use jsonwebtoken::signature::{Error, Verifier};
use jsonwebtoken::{Algorithm, DecodingKey, DecodingKeyKind, EncodingKey};
use ring::signature::{
    ECDSA_P256_SHA256_FIXED, ED25519, RSA_PKCS1_2048_8192_SHA256, RSA_PSS_2048_8192_SHA256, RsaParameters,
    RsaPublicKeyComponents, UnparsedPublicKey, VerificationAlgorithm,
};

static PROVIDER: CryptoProvider = CryptoProvider {
    signer_factory: no_signer,
    verifier_factory: verifier,
    // Only what is signed, and thumbprints of keys, would ask for them.
    key_utils: KeyUtils::new_unimplemented(),
};

/// Has the library verify by this module, for the whole process.
pub fn install() {
    // Refused where it was installed before, which nobody but this function does.
    let _ = PROVIDER.install_default();
}

/// How one algorithm verifies.
#[derive(Clone, Copy)]
enum Method {
    Rsa(&'static RsaParameters),
    Curve(&'static dyn VerificationAlgorithm),
}

struct Verification {
    algorithm: Algorithm,
    method: Method,
    key: DecodingKey,
}

fn no_signer(_: &Algorithm, _: &EncodingKey) -> Result<Box<dyn JwtSigner>> {
    Err(ErrorKind::UnsupportedAlgorithm.into())
}

fn verifier(algorithm: &Algorithm, key: &DecodingKey) -> Result<Box<dyn JwtVerifier>> {
    let method = match algorithm {
        Algorithm::RS256 => Method::Rsa(&RSA_PKCS1_2048_8192_SHA256),
        Algorithm::PS256 => Method::Rsa(&RSA_PSS_2048_8192_SHA256),
        Algorithm::ES256 => Method::Curve(&ECDSA_P256_SHA256_FIXED),
        Algorithm::EdDSA => Method::Curve(&ED25519),
        // The settings know no others.
        _ => return Err(ErrorKind::UnsupportedAlgorithm.into()),
    };
    if key.family() != algorithm.family() {
        return Err(ErrorKind::InvalidKeyFormat.into());
    }
    Ok(Box::new(Verification { algorithm: *algorithm, method, key: key.clone() }))
}

impl Verifier<Vec<u8>> for Verification {
    fn verify(&self, message: &[u8], signature: &Vec<u8>) -> std::result::Result<(), Error> {
        let verified = match (self.method, self.key.kind()) {
            (Method::Rsa(parameters), DecodingKeyKind::RsaModulusExponent { n, e }) => {
                RsaPublicKeyComponents { n, e }.verify(parameters, message, signature)
            }
            (Method::Curve(curve), DecodingKeyKind::SecretOrDer(point)) => {
                UnparsedPublicKey::new(curve, point).verify(message, signature)
            }
            // A key set has each kind of key in one form.
            (Method::Rsa(_), DecodingKeyKind::SecretOrDer(_))
            | (Method::Curve(_), DecodingKeyKind::RsaModulusExponent { .. }) => return Err(Error::new()),
        };
        verified.map_err(|_| Error::new())
    }
}

impl JwtVerifier for Verification {
    fn algorithm(&self) -> Algorithm {
        self.algorithm
    }
}

#[cfg(test)]
mod tests {
    use jsonwebtoken::jwk::Jwk;

    use super::*;

    /// A signed message as a key set and a token have them.
    struct Sample {
        algorithm: Algorithm,
        key: &'static str,
        message: &'static str,
        signature: &'static str,
    }

    const RSA: &str = r#"{"kty": "RSA", "e": "AQAB", "n": "isofoKe2dC1448mOoBgJsK3dqgX650mCJNwry1RMZkR7XVK5ZkXPyzKQfckUr4kPaDObGRWW03XYkJ5qvSiQgss9a_6O8WPEXsBkD8lhVoWmYTyx2MWvmV4SPSFm3JY3fIZdxwtBqOlHv5zBwy8uYpm_WiQpLe0lxRctWaJAEva5rotuMWhSlnd6bS2AB3TXlvNSoLOn0GOmqAJPPSgGKN47RePiksIFzOXPhjcaTsxFOpSLP_eh5wLQHF7RJyZWnRmstU5H_gbD4ZYEPc-5BlXgQgCKwcfPyhctWi0qWi8r625p2YWCtpwtocTgdF9kk04D4a1c1lrPGfhL730Pmw"}"#;
    const MESSAGE: &str = "eyJhbGciOiJSUzI1NiJ9.eyJyb2xlIjoic2VsbGVyIn0";

    /// RS256 and PS256 were signed by OpenSSL; the other two are the examples of RFC 7515, A.3, and RFC 8037, A.4.
    const SAMPLES: [Sample; 4] = [
        Sample {
            algorithm: Algorithm::RS256,
            key: RSA,
            message: MESSAGE,
            signature: "UhTq7deAQEO1wRCfMHzekj345qBMOWvnTmEaDfEOIEreEFvGpD7VfH5QQEVP2j_Veee9YqfdBC1G4hBaaInQYVbJebWjfxNlYlEy1hIpRRckokt6va3u_4jSd9kWC9yiWoFC2cWQg7WQKj9fkxiBAknce8XDBgZSZx7gI6smXjXIHjds3UbYL--n0ndbxWnOAPp7kS3EPGJAXfAVNSkrbjn9K7OOD-YsWAIsbEo0DPd8wtb3BYW01PdQuHCCZixTrSIUuyE5H_2RrqJkGl2Ps2QD60L_EbES0_lqe5nnIIvjMsJ1Byjfkfj8udyI8wTQzNmR6BzRYRwjAu-9dsFQMA",
        },
        Sample {
            algorithm: Algorithm::PS256,
            key: RSA,
            message: MESSAGE,
            signature: "H255ADnPDXBYqyIB435BQtdGQhy642DABRDzdjr2bOtuODL55WoZjq1Qp2XnSMa6yHEn53hbKhyqsXuVii9PK_h5ZMbmOkn2DhvcBh8fTguP2Nh4Cs9ZoCXOR3kygfWjRZ9ov0WgxvD2zDaJdkdGbJA5PIjYdQJfEHVt14w2aomzenuO7YlTVeov8DIKQUBBNPl9Z9kBRUm-mrMNUkqkqrY7wZn5fjbOG6bTBUdC0-ZhhObvDCOsHShCRIPZOmdcKrfJlXM7l626mnGOths66y86b9Y4VrmylBprWTnBoKR1g-AF_lAxd_frI1F1BQBBAYmeEBQREtOPLUdGjue8Mg",
        },
        Sample {
            algorithm: Algorithm::ES256,
            key: r#"{"kty": "EC", "crv": "P-256", "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU", "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}"#,
            message: "eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ",
            signature: "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q",
        },
        Sample {
            algorithm: Algorithm::EdDSA,
            key: r#"{"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#,
            message: "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc",
            signature: "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg",
        },
    ];

    fn holds(sample: &Sample, message: &str, algorithm: Algorithm) -> Option<bool> {
        install();
        let key: Jwk = serde_json::from_str(sample.key).unwrap();
        let key = DecodingKey::from_jwk(&key).unwrap();
        jsonwebtoken::crypto::verify(sample.signature, message.as_bytes(), &key, algorithm).ok()
    }

    #[test]
    fn each_algorithm_of_the_settings_verifies_what_others_have_signed_and_nothing_else() {
        for sample in &SAMPLES {
            let algorithm = sample.algorithm;
            assert_eq!(holds(sample, sample.message, algorithm), Some(true), "{algorithm:?}");
            assert_eq!(holds(sample, &sample.message[1..], algorithm), Some(false), "{algorithm:?}");
            for other in SAMPLES.iter().map(|other| other.algorithm).filter(|other| *other != algorithm) {
                assert_ne!(holds(sample, sample.message, other), Some(true), "{algorithm:?} as {other:?}");
            }
            assert_eq!(holds(sample, sample.message, Algorithm::HS256), None, "{algorithm:?} as a secret");
        }
    }
}
