"""What schemathesis does not know by itself: a text of CSV is sent as it is."""

import schemathesis

schemathesis.serializer.alias("text/csv", "text/plain")
