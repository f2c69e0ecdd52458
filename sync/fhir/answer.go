package fhir

import (
	"bytes"
	"encoding/json"
	"strconv"
	"unicode/utf8"

	"dossiersync/store/dossier"
)

// maxOption is the longest text, in characters, that is taken for an option
// chosen rather than something written.
const maxOption = 200

// answer reads v, an answer to the question it. An answer that says nothing, and
// raises no questions, is none.
func (f *formReader) answer(it *dossier.FormItem, v value) (a dossier.Answer, ok bool) {
	kind, is := v.choice("value")
	a.Items = f.items(v.get("item"))
	a.Value = json.RawMessage("null")
	if kind == "" {
		return a, len(a.Items) > 0
	}
	read, known := answerKinds[kind]
	if !known {
		is.fault(dossier.BadBody, "an answer of an unknown kind")
		return a, false
	}
	a.Type = kind
	read(f.m, f.r, &a, is)
	a.Option = f.m.option(kind, is)
	a.Score = ordinal(is, v.get("_value"+kind))
	f.score.answer(it, kind, is, a.Score)
	return a, a.Display != "" || a.Option != "" || len(a.Items) > 0
}

// answerKinds says how answers of each type are read (FHIR R4,
// QuestionnaireResponse.item.answer.value[x]). It is never written to.
var answerKinds = map[string]func(*mapper, *resource, *dossier.Answer, value){
	"Boolean": func(_ *mapper, _ *resource, a *dossier.Answer, v value) {
		a.Display, a.Value = dutchBool(v.bool()), asJSON(v.bool())
	},
	"Decimal": func(_ *mapper, _ *resource, a *dossier.Answer, v value) {
		a.Display, a.Value = dutchNumber(v), asJSON(v.written())
	},
	"Integer": func(_ *mapper, _ *resource, a *dossier.Answer, v value) {
		n := v.whole()
		a.Display, a.Value = strconv.FormatInt(n, 10), asJSON(n)
	},
	"Date":     answerMoment,
	"DateTime": answerMoment,
	"Time": func(_ *mapper, _ *resource, a *dossier.Answer, v value) {
		s, ok := dutchTime(v.str())
		if !ok {
			v.fault(dossier.BadDate, "not a FHIR time")
		}
		a.Display, a.Value = s, asJSON(v.str())
	},
	"String": answerText,
	"Uri":    answerText,
	"Coding": func(_ *mapper, _ *resource, a *dossier.Answer, v value) {
		a.Display = dutchLine(v.get("display"))
		a.Value = asJSON(struct {
			System string `json:"system"`
			Code   string `json:"code"`
		}{v.get("system").str(), v.get("code").str()})
	},
	"Quantity": func(_ *mapper, _ *resource, a *dossier.Answer, v value) {
		a.Display = quantity(v)
		a.Value = asJSON(struct {
			Value      string `json:"value"`
			Unit       string `json:"unit"`
			Comparator string `json:"comparator,omitempty"`
		}{v.get("value").written(), unitOf(v), v.get("comparator").str()})
		a.Unit = unitCode(v)
	},
	"Attachment": func(_ *mapper, _ *resource, a *dossier.Answer, v value) {
		described := attachment(v)
		if a.Display = described.Title; a.Display == "" {
			a.Display = "bijlage"
		}
		a.Value = asJSON(described)
	},
	"Reference": func(m *mapper, r *resource, a *dossier.Answer, v value) {
		p := m.party(r, v)
		if a.Display = p.Display; a.Display == "" && p.Inline != nil {
			a.Display = join(p.Inline.Name, p.Inline.PersonName)
		}
		if p.Inline != nil && len(p.Inline.Identifiers) > 0 {
			a.Ref = p.Inline.Identifiers[0] // who is hidden by it is not named
			return
		}
		if a.Ref = p.Ref; a.Ref.IsZero() {
			a.Ref = m.pulled(v)
		}
	},
}

func answerMoment(m *mapper, _ *resource, a *dossier.Answer, v value) {
	d := m.moment(v)
	a.Display, a.Value, a.Moment = dutchMoment(d, m.zone), asJSON(d.Literal), d
}

func answerText(m *mapper, _ *resource, a *dossier.Answer, v value) {
	a.Display = m.text(v)
	a.Value = asJSON(a.Display)
}

// option returns what tells v, of a type that a questionnaire offers as options,
// from the other options.
func (m *mapper) option(kind string, v value) string {
	switch kind {
	case "Coding":
		return Code{System: v.get("system").str(), Code: v.get("code").str()}.option()
	case "Integer":
		return strconv.FormatInt(v.whole(), 10)
	case "Date", "Time":
		return v.str()
	case "String":
		if s := m.text(v); utf8.RuneCountInString(s) <= maxOption {
			return s
		}
	case "Reference":
		if ref := m.reference(v).Ref; !ref.IsZero() {
			return ref.Type + "/" + ref.ID
		}
		return v.get("reference").str()
	}
	return ""
}

// option is empty where c has no code: a system alone tells nothing.
func (c Code) option() string {
	if c.Code == "" {
		return ""
	}
	return c.String()
}

// asJSON writes v as it is served, without escapes for HTML.
func asJSON(v any) json.RawMessage {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	_ = e.Encode(v) // texts, numbers and booleans
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}
