package archive

import (
	"fmt"
	"time"
)

// original is a resource to be kept as it was written.
type original struct {
	resource
	body                   []byte // compact
	versionID, lastUpdated string // "": meta has none
	metaAt                 int    // where the members of meta begin in body; 0: there is no meta
	idEnds                 int    // where the id member ends in body
}

func parseOriginal(raw []byte) (original, error) {
	body, err := compactObject(raw)
	if err != nil {
		return original{}, fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	r, err := parse(body)
	if err != nil {
		return original{}, err
	}
	o := original{resource: r, body: body}
	at := 1 // past the brace
	for name, value := range Members(body) {
		at += len(name) + 1
		switch unquote(name) {
		case "meta":
			o.metaAt = at + 1
			o.takeStamp(value)
		case "id":
			o.idEnds = at + len(value)
		}
		at += len(value) + 1
	}
	return o, nil
}

func (o *original) takeStamp(meta []byte) {
	for name, value := range Members(meta) {
		text := string(value) // other values are kept
		if value[0] == '"' {
			text = unquote(value)
		}
		switch unquote(name) {
		case "versionId":
			o.versionID = text
		case "lastUpdated":
			o.lastUpdated = text
		}
	}
}

// complete adds a missing versionId and lastUpdated to the body.
func (o *original) complete(versionID string, at time.Time) []byte {
	var added []byte
	if o.versionID == "" {
		added = fmt.Appendf(added, `"versionId":%q,`, versionID)
	}
	if o.lastUpdated == "" {
		added = fmt.Appendf(added, `"lastUpdated":%q,`, at.Format(InstantLayout))
	}
	if len(added) == 0 {
		return o.body
	}
	where := o.metaAt
	if where == 0 {
		where = o.idEnds
		added = fmt.Appendf(nil, `,"meta":{%s}`, added[:len(added)-1])
	} else if o.body[where] == '}' {
		added = added[:len(added)-1]
	}
	body := make([]byte, 0, len(o.body)+len(added))
	body = append(body, o.body[:where]...)
	body = append(body, added...)
	return append(body, o.body[where:]...)
}
