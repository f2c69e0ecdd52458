package config

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// schema is a part of a JSON Schema (draft 2020-12). The schema of the whole file is
// made by the code that reads the file: describing is reading a file in which every
// key is given and none has a value, while each value notes in its schema what it
// would have accepted. Rules between keys are not in it, apart from required ones.
//
// Keywords of a schema apply to values of their own type only, so {"type":
// ["integer", "string"], "minimum": 1, "pattern": …} is a number of 1 or more, or a
// text that matches.
type schema map[string]any

// variablePattern matches a text with a variable, which every value may be.
const variablePattern = `\$\{`

// orVariable returns a pattern for what matches pattern, or has a variable in it.
func orVariable(pattern string) string { return "(" + pattern + ")|" + variablePattern }

// Schema returns the JSON Schema of the configuration file, for editors. It accepts the
// files that [Parse] accepts. Parse also checks what the schema cannot, such as keys that
// exclude each other, and whether files exist. Descriptions are the comments of [Example].
func Schema(searches Searches) ([]byte, error) {
	root := schema{}
	l := &loader{searches: searches}
	l.described(root, "").config()
	texts, err := exampleComments()
	if err != nil {
		return nil, err
	}
	root.addDescriptions("", "", texts)
	root["$schema"] = "https://json-schema.org/draft/2020-12/schema"
	root["title"] = "Configuration of dossiersync"
	return json.MarshalIndent(root, "", "  ")
}

// described returns a value that notes in s what it accepts.
func (l *loader) described(s schema, path string) value {
	null := &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!null"}
	return value{l: l, node: null, near: null, path: path, schema: s}
}

// describe adds to v's schema, if one is made. An empty text is left out.
func (v value) describe(s schema) {
	for keyword, arg := range s {
		if v.schema != nil && arg != "" {
			v.schema[keyword] = arg
		}
	}
}

// describeText describes a single value that any scalar of YAML can be.
func (v value) describeText(def string) {
	v.describe(schema{"type": []string{"string", "number", "boolean"}, "minLength": 1, "default": def})
}

// describePattern describes a text that matches pattern.
func (v value) describePattern(pattern, def string) {
	v.describe(schema{"type": "string", "pattern": orVariable(pattern), "default": def})
}

// describeNumber describes a number of type integer or number.
func (v value) describeNumber(numberType string, bounds schema) {
	v.describe(schema{"type": []string{numberType, "string"}, "pattern": variablePattern})
	v.describe(bounds)
}

// mustBeGiven notes that the section that v is in needs v.
func (v value) mustBeGiven() {
	if v.parent != nil {
		v.parent["required"] = append(v.parent.required(), v.name())
	}
}

// required returns the keys that the section that s describes needs.
func (s schema) required() []string {
	names, _ := s["required"].([]string)
	return names
}

// name returns the key that v stands under.
func (v value) name() string { return v.path[strings.LastIndex(v.path, ".")+1:] }

// describeSection describes a section whose keys are still to be asked for. A section
// without a value counts as left out, so one that must be given has a value.
func (s *section) describeSection() {
	types := []string{"object", "null"}
	if slices.Contains(s.parent.required(), s.name()) {
		types = types[:1]
	}
	s.describe(schema{"type": types, "properties": schema{}, "additionalProperties": false})
}

// describeEither notes that a section needs one of two keys.
func (s *section) describeEither(a, b string) {
	s.describe(schema{"anyOf": []schema{{"required": []string{a}}, {"required": []string{b}}}})
}

// property returns what stands under name in the section that s describes.
func (s schema) property(name string) schema {
	properties, ok := s["properties"].(schema)
	if !ok {
		properties = schema{}
		s["properties"] = properties
	}
	p, ok := properties[name].(schema)
	if !ok {
		p = schema{}
		properties[name] = p
	}
	return p
}

// addDescriptions gives each key its text in texts, or else that of its section.
func (s schema) addDescriptions(path, otherwise string, texts map[string]string) {
	text := cmp.Or(texts[path], otherwise)
	if s["description"] == nil && text != "" {
		s["description"] = text
	}
	if properties, ok := s["properties"].(schema); ok {
		for name := range properties {
			s.property(name).addDescriptions(strings.TrimPrefix(path+"."+name, "."), text, texts)
		}
	}
	if items, ok := s["items"].(schema); ok {
		items.addDescriptions(path+"[]", text, texts)
	}
}

// commentedOut matches what the example leaves out: #key: value, or #- item.
var commentedOut = regexp.MustCompile(`(?m)^( *)#([^ \n])`)

// exampleComments returns the comment above each key of the example, by the key's
// path, in which [] stands for any item of a list.
func exampleComments() (map[string]string, error) {
	var doc yaml.Node
	if err := yaml.Unmarshal(commentedOut.ReplaceAll(shield(Example()), []byte("$1$2")), &doc); err != nil {
		return nil, fmt.Errorf("read the example: %w", err)
	}
	return comments(doc.Content[0], ""), nil
}

func comments(n *yaml.Node, path string) map[string]string {
	texts := map[string]string{}
	switch n.Kind {
	case yaml.SequenceNode:
		for _, item := range n.Content {
			of := comments(item, path+"[]")
			if text := commentText(item.HeadComment); text != "" { // it stands above the first key
				of[path+"[]."+item.Content[0].Value] = text
			}
			maps.Copy(texts, of)
		}
	case yaml.MappingNode:
		for i := 0; i+1 < len(n.Content); i += 2 {
			key := n.Content[i]
			at := strings.TrimPrefix(path+"."+key.Value, ".")
			texts[at] = commentText(key.HeadComment)
			maps.Copy(texts, comments(n.Content[i+1], at))
		}
	}
	return texts
}

// commentText returns the last paragraph of a comment on one line.
func commentText(comment string) string {
	if i := strings.LastIndex(comment, "\n\n"); i >= 0 {
		comment = comment[i+2:]
	}
	var words []string
	for line := range strings.Lines(unshield.Replace(comment)) {
		words = append(words, strings.Fields(strings.TrimLeft(line, "#"))...)
	}
	return strings.Join(words, " ")
}
