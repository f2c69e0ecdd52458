package web

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
)

// ListBody reads a body that is one JSON object with a list, which may be too long for memory.
// Values are read one by one, each of at most each bytes.
type ListBody struct {
	in    *json.Decoder
	body  io.Reader
	read  int64
	each  int64
	known map[string]bool // fields; false: not read yet
	list  string          // the name of the list's field
	state listState
}

type listState int

const (
	beforeObject listState = iota
	inObject
	inList
	afterObject
)

// readAhead is how many bytes the decoder may read beyond the current value.
const readAhead = 64 << 10

// NewListBody reads r's body, at most limit bytes of application/json: an object with the field
// list and optionally the others, each at most once. A value or element longer than each is an
// error.
func NewListBody(
	w http.ResponseWriter, r *http.Request, limit, each int64, list string, others ...string,
) (*ListBody, error) {
	if err := checkContentType(r); err != nil {
		return nil, err
	}
	s := &ListBody{body: http.MaxBytesReader(w, r.Body, limit), each: each, list: list,
		known: map[string]bool{list: false}}
	for _, name := range others {
		s.known[name] = false
	}
	s.in = json.NewDecoder(s)
	return s, nil
}

var errTooLong = &Problem{Type: TooLarge, Detail: "Een van de waarden is te groot."}

// Read implements io.Reader, for the decoder.
func (s *ListBody) Read(p []byte) (int, error) {
	if s.read-s.in.InputOffset() > s.each+readAhead {
		return 0, errTooLong
	}
	n, err := s.body.Read(p[:min(len(p), readAhead)])
	s.read += int64(n)
	return n, err
}

// Next returns the next element of the list, with an empty name, or the next other field. It fails
// with io.EOF at the end of the object.
func (s *ListBody) Next() (name string, value json.RawMessage, err error) {
	for {
		switch s.state {
		case beforeObject:
			if err := s.expect('{'); err != nil {
				return "", nil, err
			}
			s.state = inObject
		case inObject:
			if !s.in.More() {
				return "", nil, s.end()
			}
			name, err := s.field()
			if err != nil {
				return "", nil, err
			}
			if name != s.list {
				value, err := s.value()
				return name, value, err
			}
			if err := s.expect('['); err != nil {
				return "", nil, namedFault(err, s.list, "Hier hoort een lijst te staan.")
			}
			s.state = inList
		case inList:
			if s.in.More() {
				value, err := s.value()
				return "", value, err
			}
			if err := s.expect(']'); err != nil {
				return "", nil, err
			}
			s.state = inObject
		case afterObject:
			return "", nil, io.EOF
		}
	}
}

// Listed reports whether the list's field was read.
func (s *ListBody) Listed() bool { return s.known[s.list] }

var errNotAnObject = Invalid("", "De inhoud is geen geldig JSON-object.")

// token returns the next token.
func (s *ListBody) token() (json.Token, error) {
	t, err := s.in.Token()
	return t, s.fault(err)
}

// fault returns the problem for err, which distinguishes wrong JSON from a body that cannot be
// read.
func (s *ListBody) fault(err error) error {
	syntax, ok := errors.AsType[*json.SyntaxError](err)
	switch {
	case err == nil:
		return nil
	case errors.Is(err, errTooLong):
		return errTooLong
	case ok && syntax != nil, errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return errNotAnObject
	}
	return unreadable(err)
}

func (s *ListBody) expect(d json.Delim) error {
	t, err := s.token()
	if err == nil && t != d {
		err = errNotAnObject
	}
	return err
}

// namedFault returns a problem of the parameter instead of errNotAnObject.
func namedFault(err error, parameter, detail string) error {
	if errors.Is(err, errNotAnObject) {
		return Invalid(parameter, detail)
	}
	return err
}

// field returns the name of the next field.
func (s *ListBody) field() (string, error) {
	t, err := s.token()
	if err != nil {
		return "", err
	}
	name, ok := t.(string)
	if !ok {
		return "", errNotAnObject
	}
	seen, ok := s.known[name]
	switch {
	case !ok:
		return "", Invalid(printable(name), "Dit veld is hier niet bekend.")
	case seen:
		return "", Invalid(name, "Dit veld mag maar één keer voorkomen.")
	}
	s.known[name] = true
	return name, nil
}

func (s *ListBody) value() (json.RawMessage, error) {
	var v json.RawMessage
	err := s.fault(s.in.Decode(&v))
	if err == nil && int64(len(v)) > s.each {
		err = errTooLong
	}
	return v, err
}

// end reads the end of the object, and makes sure that nothing follows.
func (s *ListBody) end() error {
	if err := s.expect('}'); err != nil {
		return err
	}
	if _, err := s.in.Token(); !errors.Is(err, io.EOF) {
		if err := s.fault(err); err != nil {
			return err
		}
		return errNotAnObject
	}
	s.state = afterObject
	return io.EOF
}
