"""Training that goes on from GPT-SoVITS's base files, with the losses, frozen parts and learning rates they had."""
