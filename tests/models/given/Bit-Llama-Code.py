"""Settings in lines of text: a function that reads them, one that writes them."""
import os


class SettingsError(ValueError):
    """Raised when a line of a settings file is not understood."""

    def __init__(self, message, line=None):
        super().__init__(message)
        self.line = line


def read_settings(path, encoding="utf-8"):
    """Return a dictionary of the settings in the file at path.

    Empty lines and lines that begin with # are ignored.  Every other line
    is a name, an equals sign and a value.
    """
    result = {}
    with open(path, "r", encoding=encoding) as f:
        for number, line in enumerate(f, 1):
            line = line.strip()
            if not line or line.startswith("#"):
                continue
            name, sep, value = line.partition("=")
            if not sep:
                raise SettingsError("line %d: no equals sign" % number, line)
            name = name.strip()
            if name in result:
                raise SettingsError("line %d: %s is set twice" % (number, name), line)
            result[name] = value.strip()
    return result


def write_settings(path, settings, encoding="utf-8"):
    """Write a dictionary of settings to the file at path."""
    temporary = path + ".tmp"
    with open(temporary, "w", encoding=encoding) as f:
        for name in sorted(settings):
            f.write("%s=%s\n" % (name, settings[name]))
    os.replace(temporary, path)


def parse_size(text):
    """Return the number of bytes that a text like "10k" or "2M" means."""
    units = {"k": 1024, "M": 1024 ** 2, "G": 1024 ** 3}
    text = text.strip()
    if not text:
        raise ValueError("empty size")
    if text[-1] in units:
        return int(text[:-1]) * units[text[-1]]
    return int(text)
