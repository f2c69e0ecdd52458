package fhir

import (
	"cmp"
	_ "embed" // the members of FHIR R4
	"strings"
	"sync"
)

//go:embed r4.txt
var r4Table string

// A place is a member of FHIR R4 somewhere in a resource, for what reaches no reader (I2).
type place struct {
	name    string // the path from the resource: CarePlan.activity.detail.quantity
	skipped bool   // it is not counted
	reason  string // why, as in r4.txt
	treat   treatment
	members map[string]*place // nil: it has none

	other     *place // of members that R4 does not have
	extension *place // of its extensions
	beside    *place // of the member beside it that holds a primitive's extensions
}

// r4 returns the places of every resource type in r4.txt, by the type's name. Members of a type within
// itself, such as items of items, have the place of the outer ones.
var r4 = sync.OnceValue(func() map[string]*place {
	t := r4Types{members: make(map[string][]string)}
	var resources []string
	for l := range strings.Lines(r4Table) {
		fields := strings.Fields(l)
		if fields[0] == "#" {
			continue
		}
		name, isResource := strings.CutPrefix(fields[0], "*")
		t.members[name] = fields[1:]
		if isResource {
			resources = append(resources, name)
		}
	}
	all := make(map[string]*place, len(resources))
	for _, name := range resources {
		all[name] = t.resource(name)
	}
	return all
})

type r4Types struct {
	members map[string][]string
	open    []openType // the types around the one that is being built
}

type openType struct {
	name  string
	place *place
}

func newPlace(path string, treat treatment) *place {
	p := &place{name: path, treat: treat, other: &place{name: path + ".other"}}
	p.other.other = p.other
	p.extension = &place{name: path + ".extension", treat: asExtension}
	p.beside = &place{name: p.extension.name, treat: asBeside, extension: p.extension}
	return p
}

// resource returns the places of a resource of the type.
func (t *r4Types) resource(name string) *place {
	p := newPlace(name, byMember)
	t.fill(p, name)
	for _, skipped := range [...]string{"resourceType", "meta", "implicitRules", "language"} {
		p.members[skipped] = &place{name: name + "." + skipped, skipped: true, reason: "program"}
	}
	p.members["text"] = newPlace(name+".text", asNarrative)
	p.members["contained"] = newPlace(name+".contained", asContained)
	return p
}

// fill gives p the members of the type.
func (t *r4Types) fill(p *place, name string) {
	for _, outer := range t.open {
		if outer.name == name {
			p.members = outer.place.members
			return
		}
	}
	p.members = make(map[string]*place)
	t.open = append(t.open, openType{name, p})
	for _, m := range t.members[name] {
		member, kind, _ := strings.Cut(m, ":")
		member, reason, skipped := strings.Cut(member, "-")
		path := cmp.Or(t.within(kind), p.name+"."+member)
		one := newPlace(path, treatments[kind])
		one.skipped, one.reason = skipped, reason
		p.members[member] = one
		if kind != "" {
			t.fill(one, kind)
		}
	}
	t.open = t.open[:len(t.open)-1]
}

// within returns the path of the type where it is within itself; else "".
func (t *r4Types) within(kind string) string {
	for _, outer := range t.open {
		if outer.name == kind {
			return outer.place.name
		}
	}
	return ""
}

// member returns the place of the member called name; nil if that is not looked at.
func (p *place) member(name []byte) *place {
	if one, ok := p.members[string(name)]; ok {
		return one
	}
	switch {
	case string(name) == "id", string(name) == "_id", string(name) == "modifierExtension":
		return nil
	case string(name) == "extension":
		return p.extension
	case len(name) > 1 && name[0] == '_':
		if one, ok := p.members[string(name[1:])]; ok {
			return one.beside // nil of what is skipped everywhere
		}
	}
	return p.other
}

// A treatment is how a value is looked at. Most data types that say one thing in several members have
// their own.
type treatment uint8

const (
	byMember treatment = iota
	asWhole
	asConcept
	asCoding
	asReference
	asNarrative
	asName
	asExtension
	asBeside
	asContained
)

// treatments are those of data types.
var treatments = map[string]treatment{
	"CodeableConcept": asConcept, "Coding": asCoding, "Reference": asReference, "Narrative": asNarrative,
	"HumanName": asName, "ContactPoint": asName, "Address": asName,
}
