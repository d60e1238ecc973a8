"""Third parties' numbers on Cityscapes (fine validation set, one scale), for orientation."""

from repro.papers.spec import Reference

CITYSCAPES = {"data": "cityscapes", "split": "validation"}
MMSEGMENTATION = {**CITYSCAPES, "source": "mmsegmentation's model zoo"}
PADDLESEG = {**CITYSCAPES, "source": "PaddleSeg's model zoo"}
REALTIME = {**CITYSCAPES, "source": "github.com/zh320/realtime-semantic-segmentation-pytorch"}
SEMSEG = {**CITYSCAPES, "source": "github.com/hszhao/semseg"}
PUBLISHED = {**CITYSCAPES, "source": "its own paper; the upper end of what is published"}

OPEN = {
    "backbone": "unknown",
    "weights": "unknown",
    "schedule": "unknown",
    "resolution": "unknown",
    "region": "unknown",
}
SCRATCH = {**OPEN, "weights": "none"}
R50 = {**OPEN, "backbone": "ResNet-50"}
R50_40K = {**R50, "schedule": "40 000 steps of 8 images"}
R50_80K = {**R50, "schedule": "80 000 steps of 8 images"}
R18 = {**OPEN, "backbone": "ResNet-18"}
R18_200 = {**R18, "schedule": "200 epochs"}
R18_800 = {**R18, "schedule": "800 epochs"}
S5_D16 = {**SCRATCH, "backbone": "U-Net S5-D16", "schedule": "160 000 steps of 16 images"}

REFERENCES = (
    Reference(system="U-Net", scores={"miou": "0.6910"}, protocol=S5_D16, **MMSEGMENTATION),
    Reference(system="FCN", scores={"miou": "0.7225"}, protocol=R50_40K, **MMSEGMENTATION),
    Reference(system="FCN", scores={"miou": "0.7361"}, protocol=R50_80K, **MMSEGMENTATION),
    Reference(system="PSPNet", scores={"miou": "0.7785"}, protocol=R50_40K, **MMSEGMENTATION),
    Reference(system="PSPNet", scores={"miou": "0.7855"}, protocol=R50_80K, **MMSEGMENTATION),
    Reference(system="DeepLabv3+", scores={"miou": "0.7961"}, protocol=R50_40K, **MMSEGMENTATION),
    Reference(system="DeepLabv3+", scores={"miou": "0.8009"}, protocol=R50_80K, **MMSEGMENTATION),
    Reference(system="FCN", scores={"miou": "0.7111"}, protocol=R18, **MMSEGMENTATION),
    Reference(system="PSPNet", scores={"miou": "0.7487"}, protocol=R18, **MMSEGMENTATION),
    Reference(system="DeepLabv3+", scores={"miou": "0.7689"}, protocol=R18, **MMSEGMENTATION),
    Reference(system="SegNet", scores={"miou": "0.6009"}, protocol={**OPEN, "schedule": "80 000 steps"}, **PADDLESEG),
    Reference(system="U-Net", scores={"miou": "0.6500"}, protocol={**OPEN, "schedule": "160 000 steps"}, **PADDLESEG),
    Reference(system="DeepLabv3+", scores={"miou": "0.8036"}, protocol=R50, **PADDLESEG),
    Reference(system="PSPNet", scores={"miou": "0.7883"}, protocol=R50, **PADDLESEG),
    Reference(system="SegNet", scores={"miou": "0.7077"}, protocol={**SCRATCH, "schedule": "800 epochs"}, **REALTIME),
    Reference(system="U-Net", scores={"miou": "0.7299"}, protocol=R18_200, **REALTIME),
    Reference(system="U-Net", scores={"miou": "0.7445"}, protocol=R18_800, **REALTIME),
    Reference(system="U-Net++", scores={"miou": "0.7431"}, protocol=R18_200, **REALTIME),
    Reference(system="U-Net++", scores={"miou": "0.7557"}, protocol=R18_800, **REALTIME),
    Reference(system="DeepLabv3+", scores={"miou": "0.7397"}, protocol=R18_200, **REALTIME),
    Reference(system="DeepLabv3+", scores={"miou": "0.7590"}, protocol=R18_800, **REALTIME),
    # smp's PSPNet cuts its encoder at depth 3 by default, which makes it another network than PSPNet's.
    Reference(system="smp's default PSPNet", scores={"miou": "0.6163"}, protocol=R18_200, **REALTIME),
    Reference(system="smp's default PSPNet", scores={"miou": "0.6726"}, protocol=R18_800, **REALTIME),
    Reference(system="PSPNet", scores={"miou": "0.7730", "pixel_accuracy": "0.9597"}, protocol=R50, **SEMSEG),
    Reference(system="InternImage-H", scores={"miou": "0.864"}, protocol=OPEN, **PUBLISHED),
)
