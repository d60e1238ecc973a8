"""Paper 2's two tables that report no score: the machine and the data sets."""

from repro.papers.spec import Fact, FactTable

TABLE1 = FactTable(
    id="paper2_table1",
    title="Machine and software",
    place='Table 1, "The hardware and software environment of the experiment"',
    columns=("value",),
    rows=(
        Fact(name="Central processor", key="machine.cpu", reported={"value": "Intel(R)Core i7-8600K CPU@3.60 GHz"}),
        Fact(name="Graphics card", key="machine.gpu", reported={"value": "Nvidia TITAN Xp 24GB"}),
        Fact(name="Memory", key="machine.memory", reported={"value": "64GB"}),
        Fact(name="Operating system", key="machine.system", reported={"value": "Windows 10"}),
        Fact(name="Python", key="software.python", reported={"value": "3.9.15"}),
        Fact(name="CUDA", key="software.cuda", reported={"value": "11.6"}),
        Fact(name="torch", key="software.torch", reported={"value": "1.13.0+cu116"}),
        Fact(name="torchvision", key="software.torchvision", reported={"value": "0.14.0+cu116"}),
        Fact(name="Simulation platform", key="software.platform", reported={"value": "PyCharm"}),
    ),
    notes=(
        "A machine changes how long a run takes and, within the last digits, its scores: it is recorded, not claimed.",
    ),
)

TABLE2 = FactTable(
    id="paper2_table2",
    title="Data sets",
    place='Table 2, "Data set information"',
    columns=("Format", "Label type", "Training", "Validation", "Testing"),
    rows=(
        Fact(
            name="ISIC 2017",
            key="data.isic2017",
            reported={"Training": "800", "Validation": "350", "Testing": "0"},
            official={
                "Format": "jpg",
                "Label type": "Pixel level",
                "Training": "2000",
                "Validation": "150",
                "Testing": "600",
            },
            source="challenge.isic-archive.com, 2017 task 1",
        ),
        Fact(
            name="PH2",
            key="data.ph2",
            reported={
                "Format": "jpg",
                "Label type": "Pixel level",
                "Training": "0",
                "Validation": "0",
                "Testing": "220",
            },
            official={"Format": "bmp", "Label type": "Pixel level", "Testing": "200"},
            source="www.fc.up.pt/addi; the publisher has no split, so all its images are for testing",
        ),
        Fact(
            name="ISIC 2018",
            key="data.isic2018",
            reported={"Training": "1865", "Validation": "635", "Testing": "0"},
            official={
                "Format": "jpg",
                "Label type": "Pixel level",
                "Training": "2594",
                "Validation": "100",
                "Testing": "1000",
            },
            source="challenge.isic-archive.com, 2018 task 1",
        ),
    ),
    notes=(
        "Format and label type stand in the middle row only, where a cell over all three rows may have been: they are "
        "left out of the other two.",
        "DRIVE and CHASEDB, the data of Table 3, are not in this table.",
    ),
)
