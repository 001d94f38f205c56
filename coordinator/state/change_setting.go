package state

import "fmt"

// PutSetting sets a setting, or takes it back to its default. ErrSetting; see ValidateSetting.
type PutSetting struct {
	Key string `json:"key"`
	// Value is empty for the default.
	Value string `json:"value"`
}

func (c PutSetting) kind() (typ, version uint16) {
	if k, ok := knownSetting(c.Key); ok && k.later {
		return TypePutSetting, 2
	}
	return TypePutSetting, 1
}

// putSettingV1 refuses settings that builds from before LevelOperations did not know.
func putSettingV1(before *View, c PutSetting) (*View, Index, error) {
	if k, ok := knownSetting(c.Key); ok && k.later {
		return nil, Index{}, fmt.Errorf("put setting %.64q: %w", c.Key, ErrSetting)
	}
	return putSetting(before, c)
}

func putSetting(before *View, c PutSetting) (*View, Index, error) {
	after := before.clone()
	present, isSet := lookup(before.settings, c.Key, settingKey)
	if c.Value == "" {
		if _, ok := knownSetting(c.Key); !ok {
			return nil, Index{}, fmt.Errorf("put setting %.64q: %w", c.Key, ErrSetting)
		}
		if !isSet {
			return nil, Index{}, nil
		}
		after.settings = without(before.settings, c.Key, settingKey)
		return after, Index{}, nil
	}
	if err := ValidateSetting(c.Key, c.Value); err != nil {
		return nil, Index{}, fmt.Errorf("put setting: %w", err)
	}
	if isSet && present.Value == c.Value {
		return nil, Index{}, nil
	}
	after.settings = with(before.settings, Setting(c), settingKey)
	return after, Index{}, nil
}
