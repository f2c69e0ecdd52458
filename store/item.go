package store

import (
	"time"

	"dossiersync/store/dossier"
)

// stored is an item as the replica holds it before a batch.
type stored struct {
	key     string
	state   dossier.State
	reason  dossier.Reason
	client  string
	epoch   int32
	version string
	updated time.Time
	hash    dossier.Hash
	stream  dossier.Stream
	// The shape is read only where others are rendered from the item, and for comparing.
	card, body, model []byte
}

// isShown reports whether the replica shows the item; it does not if nothing is stored (nil).
func (o *stored) isShown() bool { return o != nil && o.state == dossier.StateShown }

// itemColumns are the columns of items that COPY fills.
var itemColumns = []string{
	"tenant", "key", "type", "id", "stream", "kind", "client", "state", "reason", "part", "epoch",
	"version", "updated", "hash", "at", "category", "open", "ends", "plan", "goal",
	"card", "body", "model",
}

// itemRow returns the values of itemColumns.
func itemRow(tenant, key string, epoch int32, it *dossier.Item, r *Rendered) []any {
	var kind *string
	if it.Content != nil && it.State == dossier.StateShown {
		kind = textOrNull(string(r.kind(it.Content)))
	}
	return []any{
		tenant, key, it.Type, it.ID, string(it.Stream), kind, textOrNull(it.Client),
		string(it.State), textOrNull(string(it.Reason)), textOrNull(string(r.Part)), epoch,
		it.Version, timeOrNull(it.Updated), it.Hash[:], timeOrNull(r.At), textOrNull(r.Category),
		r.Open, dateOrNull(r.Ends), textOrNull(r.Plan), textOrNull(r.Goal),
		r.Card, r.Body, r.Model,
	}
}

// contentless sets every column of items that holds content, or is derived from it, to NULL:
// only shown items keep content (I6).
const contentless = `
			card = NULL, body = NULL, model = NULL, kind = NULL, part = NULL, at = NULL,
			category = NULL, open = NULL, ends = NULL, plan = NULL, goal = NULL`

// emptied hides a shown row of items.
const emptied = `state = 'hidden',` + contentless

// latest drops all but the newest observation of each record. Of equally new observations
// the later one stays; where either has no time, an unreadable one wins from a readable one.
// Items without an id all stay.
func latest(items []dossier.Item) []dossier.Item {
	seen := make(map[dossier.Ref]int, len(items))
	kept := make([]dossier.Item, 0, len(items))
	for _, it := range items {
		if it.ID == "" {
			kept = append(kept, it)
			continue
		}
		i, again := seen[it.Ref]
		if !again {
			seen[it.Ref] = len(kept)
			kept = append(kept, it)
			continue
		}
		have := &kept[i]
		undated := it.Updated.IsZero() || have.Updated.IsZero()
		if undated && have.State == dossier.StateQuarantined || !undated && it.Updated.Before(have.Updated) {
			continue
		}
		*have = it
	}
	return kept
}

// normalize makes the item comparable with a stored row: PostgreSQL keeps microseconds, and
// a client belongs to itself.
func normalize(it *dossier.Item) {
	it.Updated = it.Updated.Truncate(time.Microsecond)
	if it.Stream == dossier.StreamClients {
		it.Client = it.ID
	}
}

// itemKey returns the item's key. A record without an id gets a key from its bytes, so that
// each bad record is counted once.
func itemKey(tenant string, it *dossier.Item) string {
	if it.ID == "" {
		return "?" + dossier.Key(tenant, dossier.Ref{Type: it.Type, ID: string(it.Raw)})
	}
	return dossier.Key(tenant, it.Ref)
}

// quarantine turns the item into one that could not be applied. The last good version may
// stay only if this one was to be shown too.
func quarantine(it *dossier.Item, reason dossier.Reason, detail string) {
	if it.State != dossier.StateQuarantined {
		it.EnvelopeRead = it.State == dossier.StateShown
	}
	it.State, it.Reason, it.Detail, it.Content = dossier.StateQuarantined, reason, detail, nil
}

// refuse quarantines an item that holds a value which PostgreSQL refuses; called again, it
// removes the values of the item's envelope as well. It reports whether it changed anything.
func refuse(it *dossier.Item) bool {
	if it.State == dossier.StateQuarantined && it.Reason == dossier.NotStorable {
		had := it.Version != "" || it.Client != ""
		it.Version, it.Client, it.EnvelopeRead = "", "", false
		return had
	}
	quarantine(it, dossier.NotStorable, "PostgreSQL refuses a value in it")
	return true
}
