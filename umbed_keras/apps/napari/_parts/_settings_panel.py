"""The part of the widget that shows the settings of the project."""

from qtpy.QtWidgets import QComboBox, QFormLayout, QLineEdit, QWidget

from umbed_keras.models import PixelEmbedder
from umbed_keras.segmentation import Project


class SettingsPanel(QWidget):
    """Shows the preset and the channels of a project, and writes changes to it.

    Args:
        project: `Project`.
    """

    def __init__(self, project: Project) -> None:
        super().__init__()
        self.preset, self.channels = QComboBox(), QLineEdit()
        self.preset.addItems(list(PixelEmbedder.presets))
        self.channels.setPlaceholderText("all")
        self.channels.setToolTip("Numbers from 0 on, or names, such as 0, 2")
        form = QFormLayout(self)
        form.addRow("Preset", self.preset)
        form.addRow("Channels", self.channels)
        self.show_project(project)
        self.preset.currentTextChanged.connect(self._change_preset)
        self.channels.editingFinished.connect(self._change_channels)

    def show_project(self, project: Project) -> None:
        """Shows the settings of another project, to which changes are written from now on.

        Args:
            project: `Project`.
        """
        self._project = project
        if self.preset.findText(project.preset) < 0:  # a folder or an address
            self.preset.addItem(project.preset)
        self.preset.setCurrentText(project.preset)
        self.channels.setText(", ".join(map(str, project.channels or ())))

    def _change_preset(self, preset: str) -> None:
        self._project.preset = preset

    def _change_channels(self) -> None:
        parts = [part.strip() for part in self.channels.text().split(",")]
        channels = [int(part) if part.isdigit() else part for part in parts if part]
        self._project.channels = channels or None
