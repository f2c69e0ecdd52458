package archive

import (
	"encoding/json"
	"strings"
)

// Token is a code with its system. A plain code, such as a status, has no system.
type Token struct{ System, Code string }

// Elements whose tokens and references a search can match.
const (
	Code = iota
	Type
	Category
	Status
	LifecycleStatus
	Active
	Tag
	Security
	elementCount
)

var elementNames = map[string]int{
	"code": Code, "type": Type, "category": Category, "status": Status,
	"lifecycleStatus": LifecycleStatus, "active": Active,
}

// index is the part of a resource that searches use.
type index struct {
	patient string
	tokens  [elementCount]*[]Token
}

// interner parses each distinct piece of JSON once, because dossiers repeat the same few codes
// and subjects very often.
type interner struct {
	tokens   map[string]*[]Token
	patients map[string]string
}

func newInterner() *interner {
	return &interner{tokens: map[string]*[]Token{}, patients: map[string]string{}}
}

func (in *interner) token(raw []byte) *[]Token {
	if t, ok := in.tokens[string(raw)]; ok {
		return t
	}
	var v any
	_ = json.Unmarshal(raw, &v) // the JSON is valid here
	t := appendTokens(nil, v)
	in.tokens[string(raw)] = &t
	return &t
}

// appendTokens appends the codes of a code, boolean, Coding, CodeableConcept, or list of these.
func appendTokens(to []Token, v any) []Token {
	switch v := v.(type) {
	case string:
		return append(to, Token{Code: v})
	case bool:
		if v {
			return append(to, Token{Code: "true"})
		}
		return append(to, Token{Code: "false"})
	case []any:
		for _, e := range v {
			to = appendTokens(to, e)
		}
	case map[string]any:
		if coding, ok := v["coding"]; ok {
			return appendTokens(to, coding)
		}
		code, _ := v["code"].(string)
		system, _ := v["system"].(string)
		if code != "" {
			return append(to, Token{System: system, Code: code})
		}
	}
	return to
}

func (in *interner) patient(raw []byte) string {
	if p, ok := in.patients[string(raw)]; ok {
		return p
	}
	var ref struct{ Reference any }
	_ = json.Unmarshal(raw, &ref)
	literal, _ := ref.Reference.(string)
	p := PatientID(literal)
	in.patients[string(raw)] = p
	return p
}

// PatientID returns the id in a reference to a Patient, relative or absolute, versioned or not;
// "" for other references.
func PatientID(reference string) string {
	reference, _, _ = strings.Cut(reference, "/_history/")
	before, id, ok := cutLast(reference, "/")
	if !ok || before != "Patient" && !strings.HasSuffix(before, "/Patient") {
		return ""
	}
	return id
}

func cutLast(s, sep string) (before, after string, found bool) {
	if i := strings.LastIndex(s, sep); i >= 0 {
		return s[:i], s[i+len(sep):], true
	}
	return s, "", false
}
