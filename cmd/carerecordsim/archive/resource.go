package archive

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// ErrInvalid is wrapped by the errors for bodies that are not a FHIR resource.
var ErrInvalid = errors.New("not a FHIR resource")

// InstantLayout is the layout of lastUpdated.
const InstantLayout = "2006-01-02T15:04:05.000Z07:00"

// resource is a body split into what the archive sets, and the rest as it came.
type resource struct {
	typ, id string
	meta    []byte // members of meta, without braces, versionId and lastUpdated; each with a comma before it
	rest    []byte // the other members, each with a comma before it
	raw     [elementCount][]byte
	subject []byte
}

func parse(raw []byte) (resource, error) {
	body, err := compactObject(raw)
	if err != nil {
		return resource{}, fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	r := resource{rest: make([]byte, 0, len(body))}
	for name, value := range Members(body) {
		if err := r.member(name, value); err != nil {
			return resource{}, fmt.Errorf("%w: %w", ErrInvalid, err)
		}
	}
	if !validType(r.typ) {
		return resource{}, fmt.Errorf("%w: resourceType %q", ErrInvalid, r.typ)
	}
	return r, nil
}

func compactObject(raw []byte) ([]byte, error) {
	if !utf8.Valid(raw) {
		return nil, errors.New("not UTF-8")
	}
	buf := bytes.NewBuffer(make([]byte, 0, len(raw)))
	if err := json.Compact(buf, raw); err != nil {
		return nil, err
	}
	body := buf.Bytes()
	if len(body) == 0 || body[0] != '{' {
		return nil, errors.New("not a JSON object")
	}
	return body, nil
}

func (r *resource) member(quoted, value []byte) error {
	name := unquote(quoted)
	switch name {
	case "resourceType":
		return once(name, value, &r.typ)
	case "id":
		return once(name, value, &r.id)
	case "meta":
		if value[0] != '{' || r.meta != nil {
			return errors.New("meta is not one object")
		}
		r.takeMeta(value)
		return nil
	case "subject", "patient":
		r.subject = value
	}
	if e, ok := elementNames[name]; ok {
		r.raw[e] = value
	}
	r.rest = appendMember(r.rest, quoted, value)
	return nil
}

func once(name string, value []byte, to *string) error {
	if *to != "" {
		return fmt.Errorf("%s twice", name)
	}
	if value[0] != '"' {
		return fmt.Errorf("%s is not a string", name)
	}
	*to = unquote(value)
	return nil
}

func validType(s string) bool {
	return s != "" && len(s) <= 64 && strings.IndexFunc(s, func(r rune) bool { return !letter(r) }) < 0
}

// validID reports whether s is a FHIR id.
func validID(s string) bool {
	return s != "" && len(s) <= 64 && strings.IndexFunc(s, func(r rune) bool {
		return !letter(r) && (r < '0' || r > '9') && r != '-' && r != '.'
	}) < 0
}

func letter(r rune) bool { return r >= 'A' && r <= 'Z' || r >= 'a' && r <= 'z' }

func (r *resource) takeMeta(meta []byte) {
	r.meta = []byte{}
	for name, value := range Members(meta) {
		switch unquote(name) {
		case "versionId", "lastUpdated":
			continue
		case "tag":
			r.raw[Tag] = value
		case "security":
			r.raw[Security] = value
		}
		r.meta = appendMember(r.meta, name, value)
	}
}

func appendMember(to, name, value []byte) []byte {
	to = append(to, ',')
	to = append(to, name...)
	to = append(to, ':')
	return append(to, value...)
}

// stamp returns the body with its versionId and lastUpdated.
func (r *resource) stamp(number int, at time.Time) []byte {
	b := make([]byte, 0, len(r.meta)+len(r.rest)+len(r.typ)+len(r.id)+112)
	b = append(b, `{"resourceType":"`...)
	b = append(b, r.typ...)
	b = append(b, `","id":"`...)
	b = append(b, r.id...)
	b = append(b, `","meta":{"versionId":"`...)
	b = strconv.AppendInt(b, int64(number), 10)
	b = append(b, `","lastUpdated":"`...)
	b = at.AppendFormat(b, InstantLayout)
	b = append(b, '"')
	b = append(b, r.meta...)
	b = append(b, '}')
	b = append(b, r.rest...)
	return append(b, '}')
}

func (in *interner) index(r *resource) index {
	var x index
	if r.subject != nil {
		x.patient = in.patient(r.subject)
	}
	for e, raw := range r.raw {
		if raw != nil {
			x.tokens[e] = in.token(raw)
		}
	}
	return x
}
