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
	if err := checkContentType(r); err != nil {
		return err
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, limit))
	if err != nil {
		return unreadable(err)
	}
	if len(bytes.TrimSpace(body)) == 0 {
		body = []byte("{}")
	}
	return ParseJSON(body, into)
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
	if err := checkFields(body, fieldsOf(reflect.TypeOf(into).Elem())); err != nil {
		return err
	}
	if err := json.Unmarshal(body, into); err != nil {
		if t, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
			name, _, _ := strings.Cut(t.Field, ".")
			return Invalid(name, "Dit veld heeft een waarde van het verkeerde soort.")
		}
		return Invalid("", "De inhoud is geen geldige JSON.")
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

// checkFields fails unless body is one object with only known fields, each at most once. Package
// json would accept a field twice, or spelt in capitals.
func checkFields(body []byte, known map[string]bool) error {
	d := json.NewDecoder(bytes.NewReader(body))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return errNotAnObject
	}
	seen := make(map[string]bool, len(known))
	for d.More() {
		t, err := d.Token()
		name, ok := t.(string)
		if err != nil || !ok {
			return errNotAnObject
		}
		switch {
		case !known[name]:
			return Invalid(printable(name), "Dit veld is hier niet bekend.")
		case seen[name]:
			return Invalid(name, "Dit veld mag maar één keer voorkomen.")
		}
		seen[name] = true
		var value json.RawMessage
		if err := d.Decode(&value); err != nil {
			return errNotAnObject
		}
	}
	if _, err := d.Token(); err != nil {
		return errNotAnObject
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errNotAnObject
	}
	return nil
}
