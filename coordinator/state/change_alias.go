package state

import "fmt"

// Alias is another name of an index.
type Alias struct {
	Name  string `json:"name"`
	Index string `json:"index"`
}

// PutAlias adds an alias, or lets it lead to another index. ErrIndexExists if its name is an index's,
// ErrIndexNotFound if it would lead to none.
type PutAlias struct {
	Name  string `json:"name"`
	Index string `json:"index"`
}

func (PutAlias) kind() (typ, version uint16) { return TypePutAlias, 1 }

func putAlias(before *View, c PutAlias) (*View, Index, error) {
	if err := checkName("alias", c.Name); err != nil {
		return nil, Index{}, fmt.Errorf("put alias: %w", err)
	}
	if _, ok := before.Index(c.Name); ok {
		return nil, Index{}, fmt.Errorf("put alias %q: %w", c.Name, ErrIndexExists)
	}
	x, ok := before.Index(c.Index)
	if !ok {
		return nil, Index{}, fmt.Errorf("put alias %q of %.128q: %w", c.Name, c.Index, ErrIndexNotFound)
	}
	present, known := lookup(before.aliases, c.Name, aliasKey)
	switch {
	case known && present.Index == c.Index:
		return nil, x, nil
	case !known && len(before.aliases) >= MaxAliases:
		return nil, Index{}, fmt.Errorf("put alias %q beside %d: %w", c.Name, len(before.aliases), ErrLimit)
	}
	after := before.clone()
	after.aliases = with(before.aliases, Alias(c), aliasKey)
	return after, x, nil
}

// DeleteAlias removes an alias; ErrAliasNotFound if there is none of that name that leads to the index.
type DeleteAlias struct {
	Name string `json:"name"`
	// Index is where it must lead; empty for anywhere.
	Index string `json:"index,omitempty"`
}

func (DeleteAlias) kind() (typ, version uint16) { return TypeDeleteAlias, 1 }

func deleteAlias(before *View, c DeleteAlias) (*View, Index, error) {
	present, ok := lookup(before.aliases, c.Name, aliasKey)
	if !ok || c.Index != "" && c.Index != present.Index {
		return nil, Index{}, fmt.Errorf("delete alias %.128q: %w", c.Name, ErrAliasNotFound)
	}
	after := before.clone()
	after.aliases = without(before.aliases, c.Name, aliasKey)
	return after, Index{}, nil
}
