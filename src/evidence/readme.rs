//! What whoever opens a package reads first.

/// The text of `README.txt`: what is in the package, and how to verify it, for the log `origin`.
pub fn readme(about: &str, origin: &str) -> String {
    format!("{ABOUT}{about}\n\nThe log: {origin}\n{REST}")
}

const ABOUT: &str = "\
EVIDENCE FROM A LEDGER OF DISCLOSURES

This package has entries of a ledger in which a gateway records what it discloses about customers, before
it does. Nothing in it is data about a customer: people are named by references, fields by their paths.
A recipient of mail has another reference each month; the report says which.

What it is about: ";

const REST: &str = r#"
WHAT IS IN IT

  report.html, report.csv, report.json  the accounting of disclosures, where the package is about one person
  entries.jsonl, entries.csv            every entry, one a line
  entries/N.json                        entry N of the log, byte for byte as it was recorded
  entries/N.tlog-proof                  proof that it is (https://c2sp.org/tlog-proof)
  policies/D/                           the rules and contracts in force then; D is their digest
  approvals/                            the entries about their publication: who, when, why
  cosigned/N.tlog-proof                 after a change of the log's key: proof of entry N under a checkpoint
                                        that more witnesses have signed, and an earlier key
  keys/verifier.key, keys/verifier.pem  the public keys of the log, the oldest first; the last for OpenSSL
  keys/rotation-K.json, .tlog-proof     the entry that names key K + 1, and its proof, which key K has signed
  SHA256SUMS                            every file above with its digest
  seal/                                 an entry of the log that holds the digest of SHA256SUMS, and its proof

So the log's signature is on all of it: it signs a checkpoint, the checkpoint covers the seal, the seal has
the digest of SHA256SUMS, and that has the digest of every other file.

HOW TO VERIFY IT

With the program that made it, offline and without any configuration:

  covenant ledger verify PACKAGE.zip --key verifier.key

Take verifier.key from somewhere else than this package: whoever can change a package can put another key
into it. The key that the log had when this was made is enough; from one before it, keys/rotation-K lead on.
Published checkpoints of the log, or a witness, show that the key has signed one history only:
with the verifier key of a witness, from the witness, add --witness KEY. What was about a minute old when the
package was made may not have its signature; that is said.

With programs that others wrote. Unpack it, and in that folder:

1. No file is changed:

  sha256sum --check --strict SHA256SUMS

2. The seal names this list (both lines must show the same digest):

  sha256sum SHA256SUMS
  grep -o 'sha256:[0-9a-f]*' seal/entry.json

3. The log's key has signed the checkpoint of a proof. Better than keys/verifier.key is that file from somewhere
else; the key in it is the one with the id that the signature has. For the seal:

  entry=seal/entry.json proof=seal/entry.tlog-proof
  sed '1,/^$/d' $proof > checkpoint
  sed '/^$/,$d' checkpoint > checkpoint.text
  line=$(grep '^— ' checkpoint | head -n 1 | cut -d ' ' -f 3)
  id=$(echo "$line" | base64 -d | head -c 4 | od -A n -t x1 | tr -d ' \n')
  echo "$line" | base64 -d | tail -c 64 > checkpoint.signature
  key=$(grep "+$id+" keys/verifier.key | cut -d + -f 3- | base64 -d | tail -c 32 | base64)
  printf '%s\n' '-----BEGIN PUBLIC KEY-----' "MCowBQYDK2VwAyEA$key" '-----END PUBLIC KEY-----' > key.pem
  openssl pkeyutl -verify -pubin -inkey key.pem -rawin -in checkpoint.text \
    -sigfile checkpoint.signature

4. The entry is under that checkpoint (RFC 9162, section 2.1.3.2). Any verifier of C2SP tlog-proof does
this; so do these lines of Python with its standard library alone:

python3 - $entry $proof <<'END'
import base64, hashlib, sys
entry = open(sys.argv[1], "rb").read()
head, checkpoint = open(sys.argv[2], encoding="utf-8").read().split("\n\n", 1)
lines = head.split("\n")
index = int(lines[1].split(" ")[1])
path = [base64.b64decode(line) for line in lines[2:]]
size, root = int(checkpoint.split("\n")[1]), base64.b64decode(checkpoint.split("\n")[2])
node = hashlib.sha256(b"\0" + entry).digest()
first, last = index, size - 1
for hash in path:
    if first % 2 == 1 or first == last:
        node = hashlib.sha256(b"\1" + hash + node).digest()
        while first % 2 == 0 and first != 0:
            first, last = first >> 1, last >> 1
    else:
        node = hashlib.sha256(b"\1" + node + hash).digest()
    first, last = first >> 1, last >> 1
print("in the log at", index if last == 0 and node == root else sys.exit("NOT in the log"))
END

Steps 3 and 4 for any other entry begin with its files, for example:

  entry=entries/N.json proof=entries/N.tlog-proof

WHAT IT DOES NOT SHOW

That nothing else about the person is in the log: a package has what was found when it was made. Of a
recipient of mail that is nothing of months whose keys were destroyed, which the report names. The time of
an entry is what the gateway's clock said; its place in the log is what is proven.
"#;
