# Prints the mails of an mbox file as JSON: from, subject, and each part's type and text.
import json
import mailbox
import sys

mails = []
for mail in mailbox.mbox(sys.argv[1]):
    parts = [part for part in mail.walk() if not part.is_multipart()]
    mails.append(
        {
            "from": mail["From"],
            "subject": mail["Subject"],
            "received": mail["Received"],
            "type": mail.get_content_type(),
            "parts": {
                part.get_content_type(): part.get_payload(decode=True).decode("utf-8")
                for part in parts
            },
        }
    )
print(json.dumps(mails))
