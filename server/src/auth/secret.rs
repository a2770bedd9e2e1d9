//! Secrets: made from the random numbers of the system, kept as their SHA-256. That needs no salt and no slow hash, since
//! 256 random bits cannot be guessed.

use sha2::{Digest, Sha256};

use super::Error;
use crate::history::SecretHash;

const LETTERS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
/// 43 letters of 62 are 256 bits.
const SECRET: usize = 43;
const ID: usize = 10;

/// A new secret.
pub(super) fn new_secret() -> Result<String, Error> {
    letters(SECRET)
}

/// A new token: its id, and the whole of it.
pub(super) fn new_token() -> Result<(String, String), Error> {
    let id = letters(ID)?;
    let token = format!("qd_{id}_{}", new_secret()?);
    Ok((id, token))
}

/// The id in a token; none if this cannot be one.
pub(super) fn id_of(token: &str) -> Option<&str> {
    let (id, secret) = token.strip_prefix("qd_")?.split_once('_')?;
    let is_made_of = |text: &str, count| text.len() == count && text.bytes().all(|byte| byte.is_ascii_alphanumeric());
    (is_made_of(id, ID) && is_made_of(secret, SECRET)).then_some(id)
}

/// What is kept of a secret.
pub(super) fn hash(secret: &str) -> SecretHash {
    Sha256::digest(secret).into()
}

/// Are they the same? Takes as long for any answer.
pub(super) fn same(one: &SecretHash, other: &SecretHash) -> bool {
    let difference = one.iter().zip(other).fold(0, |difference, (a, b)| difference | (a ^ b));
    std::hint::black_box(difference) == 0
}

fn letters(count: usize) -> Result<String, Error> {
    let mut text = String::with_capacity(count);
    while text.len() < count {
        let mut bytes = [0; 64];
        getrandom::fill(&mut bytes)?;
        // Six bits of each byte, and another byte where they name no letter, so that each is as likely.
        let letters = bytes.iter().filter_map(|byte| LETTERS.get(usize::from(byte & 63)));
        text.extend(letters.take(count - text.len()).map(|letter| char::from(*letter)));
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_token_tells_its_id() {
        let (id, token) = new_token().unwrap();
        assert_eq!(id_of(&token), Some(id.as_str()));
        assert_ne!(new_token().unwrap().1, token);
        for bad in ["", "qd_", "qd__", &token[..token.len() - 1], &format!("{token}x"), &token.to_uppercase()] {
            assert_eq!(id_of(bad), None, "{bad}");
        }
    }

    #[test]
    fn every_letter_comes() {
        let text = letters(20_000).unwrap();
        assert!(LETTERS.iter().all(|letter| text.contains(char::from(*letter))));
    }

    proptest! {
        #[test]
        fn any_text_is_a_token_or_none(text in "\\PC{0,80}") {
            let _ = id_of(&text);
        }

        #[test]
        fn same_is_equality(one in any::<[u8; 32]>(), bit in 0..256_usize) {
            let mut other = one;
            prop_assert!(same(&one, &other));
            other[bit / 8] ^= 1 << (bit % 8);
            prop_assert!(!same(&one, &other));
        }
    }
}
