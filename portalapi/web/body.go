package web

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"mime"
	"net/http"
	"os"
	"reflect"
	"strings"
)

// ReadJSON decodes r's body, at most limit bytes of application/json, into the struct that into
// points to. Each field must be a field of the struct, spelt as in its json tag and given at most
// once. An empty body counts as {}.
func ReadJSON(w http.ResponseWriter, r *http.Request, limit int64, into any) error {
	body, err := readBody(w, r, limit)
	if err != nil {
		return err
	}
	return ParseJSON(body, into)
}

// ReadFields is [ReadJSON], except that it adds what is wrong with single fields to faults.
func ReadFields(w http.ResponseWriter, r *http.Request, limit int64, into any, faults *Faults) error {
	body, err := readBody(w, r, limit)
	if err != nil {
		return err
	}
	return ParseFields(body, into, "", faults)
}

func readBody(w http.ResponseWriter, r *http.Request, limit int64) ([]byte, error) {
	if err := checkContentType(r); err != nil {
		return nil, err
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, limit))
	if err != nil {
		return nil, unreadable(err)
	}
	if len(bytes.TrimSpace(body)) == 0 {
		body = []byte("{}")
	}
	return body, nil
}

// Buffer reads r's body, at most limit bytes, into memory. An error is returned by the next reading of
// the body.
func Buffer(w http.ResponseWriter, r *http.Request, limit int64) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, limit))
	r.Body = io.NopCloser(&buffered{bytes.NewReader(body), err})
}

// buffered is a body in memory.
type buffered struct {
	*bytes.Reader
	err error // at its end; nil: none
}

func (b *buffered) Read(p []byte) (int, error) {
	n, err := b.Reader.Read(p)
	if err != nil && b.err != nil {
		err = b.err
	}
	return n, err
}

// checkContentType fails unless r's body is declared as JSON.
func checkContentType(r *http.Request) error {
	media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || media != "application/json" {
		return &Problem{Type: UnsupportedMedia, Detail: "Stuur de inhoud als application/json."}
	}
	return nil
}

// unreadable returns the problem for an error of reading a body.
func unreadable(err error) error {
	if _, tooLarge := errors.AsType[*http.MaxBytesError](err); tooLarge {
		return &Problem{Type: TooLarge, Detail: "De inhoud is te groot."}
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return Invalid("", "De inhoud kwam te langzaam binnen.")
	}
	return Invalid("", "De inhoud kon niet worden gelezen.")
}

// ParseJSON decodes a JSON object into the struct that into points to, as strictly as [ReadJSON].
func ParseJSON(body []byte, into any) error {
	var f Faults
	if err := ParseFields(body, into, "", &f); err != nil {
		return err
	}
	if f.Any() {
		return Invalid(f.list[0].Parameter, f.list[0].Detail)
	}
	return nil
}

// ParseFields is [ParseJSON], except that it adds what is wrong with single fields to faults, with
// their names after prefix. The value of a faulty field is undefined.
func ParseFields(body []byte, into any, prefix string, faults *Faults) error {
	fields, err := readFields(body, fieldsOf(reflect.TypeOf(into).Elem()), prefix, faults)
	if err != nil {
		return err
	}
	for _, f := range fields {
		one, err := json.Marshal(map[string]json.RawMessage{f.name: f.value})
		if err != nil {
			return Invalid("", "De inhoud is geen geldige JSON.")
		}
		if json.Unmarshal(one, into) != nil {
			faults.Add(prefix+f.name, "Dit veld heeft een waarde van het verkeerde soort.")
		}
	}
	return nil
}

// fieldsOf returns the JSON names of the fields of the struct t.
func fieldsOf(t reflect.Type) map[string]bool {
	names := make(map[string]bool, t.NumField())
	for i := range t.NumField() {
		if t.Field(i).Anonymous {
			maps.Copy(names, fieldsOf(t.Field(i).Type))
			continue
		}
		name, _, _ := strings.Cut(t.Field(i).Tag.Get("json"), ",")
		names[name] = true
	}
	return names
}

type field struct {
	name  string
	value json.RawMessage
}

// readFields returns the known fields of body in order. It fails unless body is one object, and adds
// to faults fields that are not known or that come twice: package json would accept a field twice, or
// spelt in capitals.
func readFields(body []byte, known map[string]bool, prefix string, faults *Faults) (list []field, err error) {
	d := json.NewDecoder(bytes.NewReader(body))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return nil, errNotAnObject
	}
	seen := make(map[string]bool, len(known))
	for d.More() {
		t, err := d.Token()
		name, ok := t.(string)
		if err != nil || !ok {
			return nil, errNotAnObject
		}
		var value json.RawMessage
		if err := d.Decode(&value); err != nil {
			return nil, errNotAnObject
		}
		switch {
		case !known[name]:
			faults.Add(strings.TrimSuffix(prefix+printable(name), "."), "Dit veld is hier niet bekend.")
		case seen[name]:
			faults.Add(prefix+name, "Dit veld mag maar één keer voorkomen.")
		default:
			seen[name] = true
			list = append(list, field{name, value})
		}
	}
	if _, err := d.Token(); err != nil {
		return nil, errNotAnObject
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errNotAnObject
	}
	return list, nil
}
